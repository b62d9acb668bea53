"""Hugging Face's tokenizer.json: vocabulary, merges, added tokens and how text is split.

The file can also ask for truncation, padding, dropout, and special tokens around every text. None
of that is read: ``encode`` gives the ids of the text, all of them and no others.
"""

import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Engine

from ossia.base.errors import TokenizerError
from ossia.tokenizer.files import check_size, read_bounded
from ossia.tokenizer.vocabulary import Vocabulary

_MAX_CONTAINERS = 4_000_000  # a list costs Python 30 times its two brackets; gpt-oss has 450,000
_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD", "Sequence"}
_PRE_TOKENIZERS = {"ByteLevel", "Digits", "Punctuation", "Sequence", "Split", "UnicodeScripts"}


class _BrokenError(ValueError):
    """What is wrong with the document, for one line that names the file."""


def read_tokenizer_json(path: Path) -> Vocabulary:
    """Read a tokenizer.json with a BPE model.

    Raises:
        TokenizerError: the file is missing, damaged, or asks for what would lose or add text.
    """
    return parse_tokenizer_json(read_bounded(path), origin=str(path))


def parse_tokenizer_json(data: bytes, *, origin: str) -> Vocabulary:
    """Read the text of a tokenizer.json; ``origin`` says in error messages where it lay.

    Raises:
        TokenizerError: it is too large, damaged, or asks for what would lose or add text.
    """
    check_size(origin, len(data))
    try:
        if data.count(b"[") + data.count(b"{") > _MAX_CONTAINERS:
            raise _BrokenError(f"more than {_MAX_CONTAINERS} lists and objects")
        return _read_document(origin, json.loads(data, object_pairs_hook=_unique))
    except RecursionError:
        problem = "nested too deeply"
    except _BrokenError as error:
        problem = str(error)
    except ValueError as error:  # not JSON, or not UTF-8
        problem = f"not JSON ({error!s:.120})"
    raise TokenizerError(f"{origin}: {problem}; expected a tokenizer.json with a BPE model")


def _read_document(origin: str, document: Any) -> Vocabulary:
    if not isinstance(document, dict):
        raise _BrokenError("not an object")
    model = document.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        kind = model.get("type") if isinstance(model, dict) else model
        raise _BrokenError(f"the model is {kind!r:.60}")
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise _BrokenError(f"{key} is not supported")
    specials, words, bounded_words = _added_tokens(document.get("added_tokens"))
    steps = list(_steps(document.get("pre_tokenizer"), "pretokenizers"))
    _check_steps(steps, list(_steps(document.get("normalizer"), "normalizers")))
    pipeline = _pipeline(document)
    return Vocabulary(
        origin=origin,
        tokens=_tokens(model.get("vocab")),
        merges=_merges(model.get("merges")),
        specials=specials,
        words=words,
        bounded_words=bounded_words,
        normalizer=pipeline.normalizer,
        pre_tokenizer=pipeline.pre_tokenizer,
        is_byte_level=any(step["type"] == "ByteLevel" for step in steps),
        prefers_whole=model.get("ignore_merges") is True,
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; JSON leaves open which of two equal keys counts, and parsers differ."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _BrokenError("an object has the same key twice")
    return made


def _tokens(vocab: Any) -> dict[str, int]:
    # type() and not isinstance: True is no id.
    if not isinstance(vocab, dict) or any(type(token_id) is not int for token_id in vocab.values()):
        raise _BrokenError("model.vocab is not an object of ids")
    return vocab


def _merges(merges: Any) -> list[tuple[str, str]]:
    """Pairs, or in older files two tokens in one string with a space between."""
    if not isinstance(merges, list):
        raise _BrokenError("model.merges is not a list")
    # 446,000 in gpt-oss's file: these passes run in C, a loop over merges takes 0.7 seconds.
    if any(map(isinstance, merges, repeat(str))):
        merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    if all(map(isinstance, merges, repeat(list))) and set(map(len, merges)) <= {2}:
        tokens = chain.from_iterable(merges)
        if set(map(type, tokens)) <= {str} and all(chain.from_iterable(merges)):
            return list(map(tuple, merges))
    bad = next(merge for merge in merges if not _is_pair(merge))
    raise _BrokenError(f"a merge is {bad!r:.60}, not two tokens")


def _is_pair(merge: Any) -> bool:
    return (
        isinstance(merge, list)
        and len(merge) == 2
        and all(isinstance(token, str) and token for token in merge)
    )


def _added_tokens(added: Any) -> tuple[dict[str, int], dict[str, int], frozenset[str]]:
    """Special tokens, words, and which words match only between word boundaries.

    ``lstrip`` and ``rstrip``, which swallow the space around a word, are not read.
    """
    specials: dict[str, int] = {}
    words: dict[str, int] = {}
    bounded: set[str] = set()
    if not isinstance(added, list | None):
        raise _BrokenError("added_tokens is not a list")
    for token in added or []:
        match token:
            case {"content": str(content), "id": int(token_id)} if type(token_id) is int:
                if content in specials or content in words:
                    raise _BrokenError(f"added_tokens has {content!r:.60} twice")
            case _:
                raise _BrokenError(f"an added token is {token!r:.60}, without content and id")
        (words if token.get("special") is False else specials)[content] = token_id
        if token.get("single_word") is True:
            bounded.add(content)
    return specials, words, frozenset(bounded)


def _steps(component: Any, children: str) -> Iterator[dict[str, Any]]:
    """The components of a pipeline in order, sequences opened."""
    if component is None:
        return
    if not isinstance(component, dict) or not isinstance(component.get("type"), str):
        raise _BrokenError(f"a component is {component!r:.60}, without a type")
    yield component
    nested = component.get(children)
    for child in nested if isinstance(nested, list) else ():
        yield from _steps(child, children)


def _check_steps(pre_tokenizers: list[dict[str, Any]], normalizers: list[dict[str, Any]]) -> None:
    """Refuse what would lose text or add some: the ids would not be those of the text."""
    for step in pre_tokenizers:
        if step["type"] not in _PRE_TOKENIZERS or step.get("behavior") == "Removed":
            raise _BrokenError(f"the pre-tokenizer {step['type']!r:.60} is not supported")
        if step.get("add_prefix_space"):
            raise _BrokenError("add_prefix_space is not supported")
    for step in normalizers:
        if step["type"] not in _NORMALIZERS:
            raise _BrokenError(f"the normalizer {step['type']!r:.60} is not supported")


def _pipeline(document: dict[str, Any]) -> Engine:
    """An engine with the document's normalizer and pre-tokenizer, and no vocabulary yet."""
    parts = {key: document.get(key) for key in ("normalizer", "pre_tokenizer")}
    model = {"type": "BPE", "vocab": {}, "merges": []}
    try:
        return Engine.from_str(json.dumps({"version": "1.0", "model": model, **parts}))
    except Exception as error:  # the library knows no narrower class
        raise _BrokenError(f"{error!s:.120}") from None
