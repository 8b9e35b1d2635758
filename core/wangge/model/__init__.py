"""The schema language: YAML -> typed model -> difference -> plan. Pure, no I/O beyond reading files."""
