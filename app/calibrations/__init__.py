"""Calibrations: fitted from a labelled bank and a scorer, kept by name and version."""
