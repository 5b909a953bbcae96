"""Calibrated scores: the fitted model, how it is applied, and its form on disk. Pure."""
