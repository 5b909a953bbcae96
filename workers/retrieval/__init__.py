"""Finds the in-context examples for a scenario in a bank."""
