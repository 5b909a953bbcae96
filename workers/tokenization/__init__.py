"""Conversations and texts as token ids; no text can change the frame of its prompt."""
