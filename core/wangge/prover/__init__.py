"""Compares what the API answers with what the naive evaluator of `proof` expects, cell by cell, on every path of `paths`."""
