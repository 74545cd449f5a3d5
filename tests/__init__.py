"""A package, so that another's top-level `tests` among the installed ones isn't taken for it."""
