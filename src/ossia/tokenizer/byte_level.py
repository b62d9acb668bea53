"""The byte-level alphabet: how vocabularies write the 256 bytes as visible characters.

GPT-2's vocabulary introduced it, and tokenizer.json and GGUF still write tokens so: a printable
byte of Latin-1 stands for itself, each of the others takes the next character from U+0100 on.
"""

_PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}


def _alphabet() -> dict[int, int]:
    """Byte to the code point that stands for it."""
    others = (byte for byte in range(256) if byte not in _PRINTABLE)
    return {byte: byte for byte in _PRINTABLE} | {b: 0x100 + n for n, b in enumerate(others)}


_TO_CHARACTER = _alphabet()
_TO_BYTE = {character: byte for byte, character in _TO_CHARACTER.items()}
# Characters of Latin-1 that stand for no byte: without this they would pass for themselves.
_TO_BYTE |= {byte: 0xFFFF for byte in range(256) if byte not in _PRINTABLE}

BYTE_TOKENS = tuple(chr(_TO_CHARACTER[byte]) for byte in range(256))
"""The token that stands for each byte."""


def spell(token: bytes) -> str:
    """The bytes of a token, as a vocabulary writes them."""
    return token.decode("latin-1").translate(_TO_CHARACTER)


def unspell(token: str) -> bytes:
    """The bytes that a vocabulary's spelling stands for.

    A token with any character outside the alphabet was not written in it (some tools leave added
    words as plain text), and stands for its own UTF-8.
    """
    try:
        return token.translate(_TO_BYTE).encode("latin-1")
    except UnicodeEncodeError:
        return token.encode("utf-8", errors="replace")
