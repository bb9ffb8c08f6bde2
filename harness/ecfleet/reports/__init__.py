"""Reports: what a run says on a terminal and in files. Each listens to :mod:`ecfleet.events`."""
