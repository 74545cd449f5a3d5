"""task.yaml -> Task: the schema (settings), its reader with positions (load), its writer (init)."""
