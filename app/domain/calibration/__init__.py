"""Calibrated scores: the model, and its form on disk. Pure."""
