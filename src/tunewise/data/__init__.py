"""Files of answered rows -> Dataset and Splits; and a first task.yaml drawn from them.

sources finds the files (hub fetches data sets), readers/ knows the file formats, shapes/ what the
columns mean together, columns which is input and which target. read makes the Dataset (refusals
says what can't be used), split its sides, store keeps it in the run folder. rows reads what is only
to be answered, draft looks at a new file for `tunewise init`.
"""
