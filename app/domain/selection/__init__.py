"""Selection: targets, distances, ranking, explanation, uncertainty. Pure."""
