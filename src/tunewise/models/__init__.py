"""A model's name becomes a folder of safetensors, and a folder becomes loaded weights.

resolve.py is the door; sources/ has one file per place a model can come from (a folder, a Python
package, the Hub); catalogue.toml holds the short names. No code that comes with a model is run.
"""
