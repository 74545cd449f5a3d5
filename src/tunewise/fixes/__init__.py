"""Findings' proposals -> fixes.yaml -> the user's decisions -> new data files.

proposals makes the file, document reads and writes it, review asks in the terminal, apply writes.
"""
