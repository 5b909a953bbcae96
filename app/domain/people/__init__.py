"""What the ratings of a bank say about people and groups: expected ratings, choices. Pure."""
