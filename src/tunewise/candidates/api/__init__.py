"""A model that its provider tunes: rows go up, a job runs there, the result is asked like a prompt.

candidate.py has fit, load and the job's record; rows.py writes and checks the rows.
engines/endpoint/tuning.py carries out the job. See docs/api-tuning.md.
"""
