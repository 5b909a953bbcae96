"""How much texts that attack the judge change its scores."""
