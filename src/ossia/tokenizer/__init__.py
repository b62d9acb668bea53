"""Text to token ids and back. It knows vocabularies; it does not know what a conversation is.

Two promises hold for every vocabulary, whichever file it came from:

- text never becomes a special token: ``<|start|>`` typed by a user is seven ordinary characters,
  and the special token is had only by asking ``Tokenizer.special`` for it;
- ids are turned to bytes before they are turned to characters, so that a character cut in two by
  a token boundary is put together again, and ids from a model never raise.
"""

from ossia.tokenizer.incremental import IncrementalDecoder
from ossia.tokenizer.load import load_tokenizer
from ossia.tokenizer.tokenizer import Tokenizer

__all__ = ["IncrementalDecoder", "Tokenizer", "load_tokenizer"]
