"""Ollama's interface: chat, generate, and the models of this machine."""
