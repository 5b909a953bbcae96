"""The models that workers serve."""
