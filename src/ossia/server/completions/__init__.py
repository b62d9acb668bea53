"""OpenAI's Completions: text or ids in, and what the model goes on with; no chat, no harmony."""
