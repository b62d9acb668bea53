"""Text to token ids and back. It knows vocabularies; it does not know what a conversation is.

Three promises hold for every vocabulary, whichever file it came from:

- text never becomes a special token: ``<|start|>`` typed by a user is so many ordinary characters,
  and the special token is had only by asking ``Tokenizer.special`` for it;
- no text is lost: every byte has a token, so that ``decode(encode(text))`` gives the text back
  (in the normal form of Unicode that the file asks for; that of gpt-oss asks for none);
- ids become bytes before they become characters, so that a character which a token boundary cuts
  in two is whole again, and nothing that a model says can raise.
"""

from ossia.tokenizer.incremental import IncrementalDecoder
from ossia.tokenizer.load import load_tokenizer
from ossia.tokenizer.tokenizer import Tokenizer

__all__ = ["IncrementalDecoder", "Tokenizer", "load_tokenizer"]
