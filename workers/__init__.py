"""The worker: claims jobs, asks a language model, stores scores."""
