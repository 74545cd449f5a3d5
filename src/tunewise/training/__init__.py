"""Examples and a base model become weights, on transformers.Trainer: see fit.tuned."""
