"""The worker: claims jobs, has a judge score them, stores the scores."""
