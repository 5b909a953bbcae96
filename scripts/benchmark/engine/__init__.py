"""Azimuth's worker, vLLM's `LLM.generate` and the paper's way, on the same prompts."""
