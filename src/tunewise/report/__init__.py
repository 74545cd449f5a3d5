"""run folder -> one HTML file (build), a model card, and the verdict on a terminal."""
