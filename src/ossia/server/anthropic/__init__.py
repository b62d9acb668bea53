"""Anthropic's Messages API: thinking blocks, tools, streaming, token counts."""
