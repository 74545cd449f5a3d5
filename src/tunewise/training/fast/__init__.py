"""The hot path of training a language model: what a step computes, and nothing it needn't.

Each file is one way to save work, with the plain way beside it in tests: packed.py lays rows end
to end without padding, attention.py keeps them apart, head.py scores only supervised positions,
lora.py computes an adapted layer in bf16 with float32 adapters and lora_in_4bit.py one in NF4,
compiled.py compiles one decoder layer for all of them, recomputed.py trades time for memory,
planner.py fills a token budget, and model.py puts them together. Knows nothing of files, task
settings or the training's loop.
"""
