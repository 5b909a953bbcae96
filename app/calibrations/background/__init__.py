"""Fitting in the background: score a labelled bank through the queue, fit, store."""
