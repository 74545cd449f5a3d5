"""A prompted language model: one that scores the labels here, or is asked in words anywhere.

candidate.py scores labels on this machine, so that an answer is always a legal one
(docs/label-scoring.md): asking.py has the model, conversation.py writes prompts through its own
chat template with the labels' tokens (label_tokens.py), normalise.py compares labels, scored.py
remembers prompts that were scored, choose.py lets validation decide. asked.py asks in words, at an
endpoint, in llama.cpp, in vLLM or in local.py (docs/prompting.md): models.py and outward.py say
whom, answering.py finds out how answers are got, questions.py writes what is asked, asker.py asks,
concluding.py brings thoughts to an answer, reading.py and votes.py read the replies, judge.py
scores ways. For both, showing.py names the ways to prompt, finding.py finds what a way shows with a
row (shots.py, passages.py, lexical.py), race.py and search.py (instructions.py) decide which ways
are tried on how many rows. settings_file.py and asked_file.py are what is left on record; shown.py
shows a prompt without its model.
"""
