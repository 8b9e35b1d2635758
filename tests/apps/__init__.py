"""Small ASGI apps for tests of the shell."""
