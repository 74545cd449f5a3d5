"""The answers of what was exported are held against those of the trained candidate.

records.py says what a proof is; language.py and encoders.py ask and compare; weights.py compares
the weights themselves; causes.py names what is likely wrong. Knows nothing of how files are
written.
"""
