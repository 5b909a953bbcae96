"""Banks of labelled scenarios."""
