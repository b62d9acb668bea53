"""ossia runs OpenAI's open-weight gpt-oss models on the reader's own machine.

Importing this package imports nothing else: every room below is loaded when it is named.
"""

__version__ = "0.1.0"
