"""Programs of ours that foreign interpreters run, to drive what only they can load.

They stand in a folder of their own, as an interpreter puts the folder of its program before all others on
its path: nothing of ecfleet must be found there.
"""
