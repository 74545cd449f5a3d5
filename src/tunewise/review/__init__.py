"""Answers of a run, rated by people: items, ratings, their figures, a page and a table."""
