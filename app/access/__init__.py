"""Who may do what: API keys, the scopes that paths need, and where the service may listen."""
