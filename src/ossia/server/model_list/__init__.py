"""OpenAI's list of models, at an address that Anthropic's clients ask too."""
