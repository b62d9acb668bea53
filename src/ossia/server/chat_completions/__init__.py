"""OpenAI's Chat Completions: messages in, one message out, as a whole or in chunks."""
