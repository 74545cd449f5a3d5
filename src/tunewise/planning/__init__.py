"""What a task will take before it is run: memory, time and money, for each candidate and card.

plan.py is the door. hardware.toml holds cards and their prices, lengths.py how long rows are,
work.py what each candidate computes, rates.py how fast that goes here or elsewhere, fits.py
whether it fits and what to change; limits.py holds totals against a budget, budget.py a run.
"""
