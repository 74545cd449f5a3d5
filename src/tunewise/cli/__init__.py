"""The command line: one short file per verb, which parses, calls and prints."""
