"""A prompted language model that scores the labels, so that its answer is always a legal one.

candidate.py has fit and predict; conversation.py writes prompts through the model's own chat
template; shots.py finds the nearest training examples; choose.py lets validation decide;
normalise.py compares labels; scored.py remembers prompts that were scored. See
docs/label-scoring.md.
"""

from tunewise.candidates.prompt.candidate import FittedPrompt, Prompt

__all__ = ["FittedPrompt", "Prompt"]
