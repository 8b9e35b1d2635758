"""Proofs that take minutes: run by `make test-long`, noted with their last results in tests/README.md."""
