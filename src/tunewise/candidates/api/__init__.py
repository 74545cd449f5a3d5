"""A model that its provider tunes: rows go up, a job runs there, the result is asked like a prompt.

candidate.py has fit and load; rows.py writes and checks the rows; tuning_file.py is the record.
engines/endpoint/tuning.py carries out the job. See docs/api-tuning.md.
"""
