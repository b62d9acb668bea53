"""OpenAI's Responses and Conversations: items in, items out, as one object or as events."""
