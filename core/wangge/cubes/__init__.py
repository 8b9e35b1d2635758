"""Cubes: what callers may ask who may aggregate and not list, counted once a night, small cells left out for good."""
