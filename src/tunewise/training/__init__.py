"""Examples and a base model become weights, on transformers.Trainer.

encoder/ tunes an encoder with a classification head, language/ a causal language model, whose hot
path is in fast/; checkpoints.py and callbacks.py serve both.
"""
