"""Writing candidates: `/generate` for a group or a person, and from there to a choice."""
