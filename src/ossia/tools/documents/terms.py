"""Words as the index knows them. Knows writing systems and SQLite's FTS5; stores nothing.

FTS5 finds words that stand between blanks. Korean hangs particles onto words, Chinese and Japanese
write none apart: there every pair of neighbouring letters is a term (서울에서: 서울, 울에,
에서), so that a word is found within a longer one.
"""

import re
import unicodedata

MAX_TERMS = 64
"""Of a query; the first ones."""

_PAIRED = "ᄀ-ᇿ㄰-㆏가-힣぀-ヿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
_RUN = re.compile(f"[{_PAIRED}]+")
_TERM = re.compile(rf"[{_PAIRED}]+|(?:(?![{_PAIRED}])\w)+")


def terms_of(text: str) -> str:
    """A text with its terms apart, for FTS5's tokenizer unicode61."""
    return _RUN.sub(
        lambda run: f" {' '.join(_pairs(run[0]))} ", unicodedata.normalize("NFKC", text)
    )


def query_of(words: str) -> str:
    """The FTS5 query for whatever has any term of a question; "" where it has none.

    No character of the question is an operator: terms are letters and digits, in quotes.
    """
    terms: list[str] = []
    for found in _TERM.findall(unicodedata.normalize("NFKC", words)[:10_000]):
        if not _RUN.fullmatch(found):
            terms.append(f'"{found}"')
        elif len(found) == 1:
            terms.append(f'"{found}"*')
        else:
            terms += (f'"{pair}"' for pair in _pairs(found))
    return " OR ".join(list(dict.fromkeys(terms))[:MAX_TERMS])


def num_shared(line: str, words: str) -> int:
    """How many terms of a question a line has, about as the index sees it."""
    return len(_set(line) & _set(words))


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def _set(text: str) -> set[str]:
    return set(terms_of(text).casefold().replace(".", " ").replace(",", " ").split())
