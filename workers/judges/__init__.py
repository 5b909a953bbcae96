"""Workers that judge without writing: reward models and Kaleido."""
