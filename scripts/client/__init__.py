"""A typed client of the service for the scripts: answers are the contract's own models."""
