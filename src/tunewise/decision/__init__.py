"""Scorecards and what the user asked for -> a Verdict (decide)."""
