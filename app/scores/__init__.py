"""Endpoints for scoring and selecting."""
