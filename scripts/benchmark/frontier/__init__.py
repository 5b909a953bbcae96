"""Accuracy against cost, mode by mode."""
