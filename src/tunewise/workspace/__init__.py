"""The run folder: where every file of a run lies (folder), and which work is done (stages)."""
