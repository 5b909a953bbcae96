"""Has the model answer a conversation itself, for a group or a person."""
