"""An OpenAI-compatible endpoint: its faults, what it refuses, and how its answers are read."""
