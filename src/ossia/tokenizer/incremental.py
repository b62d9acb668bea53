"""Token ids to text, one id at a time, never half a character.

A token of a byte-level vocabulary may end in the middle of a character. Its bytes wait here until
the rest has come, or until it is certain that the rest never will.
"""

from codecs import getincrementaldecoder

from ossia.tokenizer.tokenizer import Tokenizer


class IncrementalDecoder:
    """Decodes a stream of ids; all that it returned, joined, equals ``Tokenizer.decode``."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token_id: int) -> str:
        """The characters that this id completes; ``""`` while one is still incomplete."""
        return self._utf8.decode(self._tokenizer.token_bytes(token_id))

    def finish(self) -> str:
        """What is left when no more ids come: U+FFFD for a cut character, else ``""``.

        The decoder is then as new.
        """
        rest = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return rest
