"""An encoder and its classification head, fine-tuned together: see fit.tuned."""
