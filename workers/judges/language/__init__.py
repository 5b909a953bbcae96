"""The judge that is a language model: prompts, answers, and the cells they become."""
