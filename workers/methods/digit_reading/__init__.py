"""Digit reading: scores from the probabilities of digits."""
