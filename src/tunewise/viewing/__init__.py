"""What a model sees of a row: the tokens it reads, learns to write, or doesn't get to see.

material.py reads a task's rows and finds the one that is asked for; subjects.py has one class per
way of looking (trained on, asked as a prompt, read by an encoder); view.py is the record they
give. What is shown comes from the code that trains and asks. Knows nothing of terminals.
"""
