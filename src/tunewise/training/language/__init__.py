"""A causal language model, tuned on its answers: see fit.tuned."""
