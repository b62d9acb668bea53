"""Bytes to text, in whatever encoding they are. Knows bytes; not what the text means."""

import codecs
import contextlib
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before the mark that it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSES = (
    # An encoding, the letters of its language, and an older one that has the everyday ones alone.
    ("cp949", re.compile("[가-힣]"), "euc_kr"),
    ("cp932", re.compile("[ぁ-ヿ一-龯、。]"), "shift_jis"),
    ("gb18030", re.compile("[一-龯，。]"), "gb2312"),
)
_SAMPLE = 65_536


def decode(data: bytes, declared: str | None = None) -> str:
    """Text of bytes; never fails: where nothing fits, unknown bytes become U+FFFD.

    A byte order mark decides, then what was declared, then UTF-8 if all of it is; else the
    East Asian encoding that gives the most everyday letters, else cp1252.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    for name in filter(None, (_known(declared), "utf-8")):
        with contextlib.suppress(UnicodeError):
            return data.decode(name)
    return data.decode(_guess(data[:_SAMPLE]), "replace")


def is_binary(data: bytes) -> bool:
    """Whether bytes are no text in any encoding, by their start."""
    start = data[:_SAMPLE]
    if any(start.startswith(mark) for mark, _ in _MARKS):
        return False
    num_controls = len(re.findall(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]", start))
    return b"\0" in start or num_controls > len(start) // 200


def _known(name: str | None) -> str | None:
    """A codec of text by its name, as the web uses names (WHATWG Encoding Standard)."""
    label = (name or "").strip().lower()
    if label in ("euc-kr", "ks_c_5601-1987", "ksc5601", "korean"):
        return "cp949"
    if label in ("iso-8859-1", "latin1", "ascii", "us-ascii"):
        return None  # said by servers that do not know; UTF-8 is looked for first
    if label in ("gb2312", "gbk"):
        return "gb18030"
    try:
        codec = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    return codec.name if label and codec._is_text_encoding else None


def _guess(sample: bytes) -> str:
    best, share = "cp1252", 0.0
    for name, letters, everyday in _GUESSES:
        try:
            # The sample may end within a letter.
            text = codecs.getincrementaldecoder(name)().decode(sample)
        except UnicodeError:
            continue
        found = [char for char in text if letters.match(char) and _is_in(char, everyday)]
        of_all = len(found) / max(1, sum(char > "\x7f" for char in text))
        is_kana_missing = name == "cp932" and not any("ぁ" <= char <= "ヿ" for char in found)
        if of_all > max(share, 0.7) and not is_kana_missing:
            best, share = name, of_all
    return best


def _is_in(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeError:
        return False
    return True
