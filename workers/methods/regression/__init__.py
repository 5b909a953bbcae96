"""Regression: each candidate in a prompt of its own."""
