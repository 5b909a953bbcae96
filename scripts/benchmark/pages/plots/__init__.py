"""Plots as SVG. Each function takes figures and returns a complete SVG document."""
