"""From a request to a score set. No HTTP."""
