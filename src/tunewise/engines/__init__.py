"""Models that answer: label scores of causal models, embeddings of encoders, number formats."""
