"""Models at an OpenAI-compatible endpoint: asked at the pace it bears, paid once, within a cap.

engine.py answers asks; sending.py makes one attempt; pace.py adapts how many run at once;
waiting.py decides when to try again; dialect.py learns which parameters the endpoint takes;
book.py keeps every response and every cent on disk; prices.toml is the dated catalogue. See
docs/prompting.md.
"""
