"""Choosing: targets, distances, ranking, explanation, uncertainty. Pure."""
