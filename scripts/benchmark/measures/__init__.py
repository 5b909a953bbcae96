"""Figures that follow from the records of runs."""
