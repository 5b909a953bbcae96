"""Comparative regression with the attribute at the end of the prompt."""
