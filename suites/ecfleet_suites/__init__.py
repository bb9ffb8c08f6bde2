"""The conformance suites: each folder with a ``rules.toml`` is an area, its tests decide the rules.

ecfleet finds this package by the entry point group ``ecfleet.suites``.
"""
