"""A naive evaluator of PERMISSIONS.md: rules, posts, areas and rows as they are stored, no SQL conditions, no caches.

It shares no code with the rooms that it checks and imports only `values` and `errors` (a test says so). `prover` compares.
"""
