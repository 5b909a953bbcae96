"""Fit a calibration on a running service, and report what it is worth."""
