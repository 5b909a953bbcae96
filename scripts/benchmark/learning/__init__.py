"""What calibrations learn from few labelled scenarios."""
