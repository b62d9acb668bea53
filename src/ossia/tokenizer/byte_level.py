"""How vocabularies write bytes as text: the byte-level alphabet, and byte fallback.

GPT-2's vocabulary introduced the alphabet, and tokenizer.json and GGUF still write tokens in it: a
printable byte of Latin-1 stands for itself, each of the others takes the next character from
U+0100 on. Byte fallback is the other way, of vocabularies whose tokens are plain text: a byte is a
token of its own, ``<0x0A>``.
"""

import re

_PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_NO_BYTE = 0xFFFF  # outside Latin-1, so that encoding to Latin-1 refuses it


def _alphabet() -> dict[int, int]:
    """Byte to the code point that stands for it."""
    others = (byte for byte in range(256) if byte not in _PRINTABLE)
    return {byte: byte for byte in _PRINTABLE} | {b: 0x100 + n for n, b in enumerate(others)}


_TO_CHARACTER = _alphabet()
# Characters of Latin-1 that stand for no byte would otherwise pass for themselves.
_TO_BYTE = dict.fromkeys(range(256), _NO_BYTE) | {c: byte for byte, c in _TO_CHARACTER.items()}
_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")

ALPHABET = tuple(chr(_TO_CHARACTER[byte]) for byte in range(256))
"""The byte-level token of each byte."""

FALLBACK = tuple(f"<0x{byte:02X}>" for byte in range(256))
"""The byte-fallback token of each byte."""


def spell(token: bytes) -> str:
    """Write the bytes of a token in the alphabet."""
    return token.decode("latin-1").translate(_TO_CHARACTER)


def unspell(token: str) -> bytes:
    """Read the bytes of a token that was written in the alphabet.

    A token with any other character in it was not (some tools leave added words as plain text),
    and stands for its own UTF-8.
    """
    try:
        return token.translate(_TO_BYTE).encode("latin-1")
    except UnicodeEncodeError:
        return token.encode()


def unspell_fallback(token: str) -> bytes:
    """Read the bytes of a token that is plain text, or one byte by fallback."""
    if match := _FALLBACK.fullmatch(token):
        return bytes.fromhex(match[1])
    return token.encode()
