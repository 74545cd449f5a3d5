"""A run's winner behind HTTP, as OpenAI's clients know it, and a second candidate beside it.

engine.py is what a model can do and worker.py the one thread that owns it; app.py and the routes
turn requests into jobs; front.py and protocol.py keep limits; server.py starts and stops. shadow.py
and drift.py watch. See docs/serving.md.
"""
