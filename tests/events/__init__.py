"""Events and positions."""
