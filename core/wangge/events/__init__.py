"""Outbox, positions, channels, durable jobs and timers."""
