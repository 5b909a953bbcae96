"""Comparative regression: all candidates in one prompt."""
