"""Judges score candidates: a language model, a reward model, or Kaleido."""
