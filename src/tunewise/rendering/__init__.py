"""An example becomes what a language model is given and learns: token ids and what is supervised.

wording.py says an example as messages; chat.py writes messages through the model's own chat
template; rows.py turns them into token ids with a mask; faults.py says which rows can't be
trained on as they are; pieces.py cuts a row up for display; lengths.py counts tokens of many rows
at once. Prompts that are only answered and rows that are trained on are rendered by the same
code, so that what is shown is what is trained. See docs/rendering.md.
"""
