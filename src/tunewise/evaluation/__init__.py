"""Predictions -> Scorecards (score), and paired Comparisons of two candidates (compare)."""
