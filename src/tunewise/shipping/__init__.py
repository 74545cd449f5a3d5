"""A run's winner becomes files that other programs load, and is proved to answer as it was judged.

subject.py finds what is exported; formats/ has one file per format that writes it; runtimes/ asks
what was written, each in the program that it is meant for; proof/ holds the answers against those
of the trained candidate and names what is wrong; export.py is the page that orders it. See
docs/shipping.md for the folders' layout.
"""
