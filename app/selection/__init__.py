"""Selecting: one pipeline from score sets and targets to choices."""
