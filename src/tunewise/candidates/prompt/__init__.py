"""A prompted language model: one that scores the labels here, or is asked in words anywhere.

On this machine, candidate.py has fit and predict for labels, which are scored so that an answer is
always a legal one, and written.py for texts; conversation.py writes prompts through the model's own
chat template; choose.py lets validation decide; normalise.py compares labels; scored.py remembers
prompts that were scored (docs/label-scoring.md). At an endpoint, asked.py has both verbs;
answering.py finds out how answers are got, questions.py writes what is asked, reading.py reads what
is replied, race.py lets validation decide (docs/prompting.md). shots.py finds the training examples
for all.
"""
