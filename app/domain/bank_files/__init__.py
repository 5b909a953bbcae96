"""Bank files as people have them: JSON Lines or an array, of several kinds of records. Pure."""
