"""Files of labelled rows -> Dataset, Splits, Findings; and a first task.yaml drawn from them.

readers/ knows the file formats, columns chooses what is input and target, read makes the
Dataset, split its sides, audit/ looks for faults, store keeps it in the run folder, rows reads
what is only to be answered, draft looks at a new file for `tunewise init`.
"""
