"""Run a method on scenarios, against a running service."""
