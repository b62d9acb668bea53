"""A vocabulary by what the user names: a model, or a file that is a vocabulary alone."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ossia.checkpoint import TokenizerFiles

_RANK = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n")


def vocabulary_files(name: str) -> "TokenizerFiles":
    """The vocabulary of a model, or the one in a tokenizer.json or tiktoken rank file.

    Raises:
        InputError: there is none.
    """
    from ossia import hub
    from ossia.checkpoint import open_checkpoint

    path = hub.resolve(name)
    return _vocabulary_file(path) or open_checkpoint(path).tokenizer


def _vocabulary_file(path: Path) -> "TokenizerFiles | None":
    """A file that is a vocabulary alone, told by how it begins: JSON, or Base64 and a number."""
    from ossia.checkpoint import TokenizerFiles

    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(200).lstrip()
    if head.startswith(b"{") and path.name != "config.json":
        return TokenizerFiles(json=path)
    return TokenizerFiles(ranks=path) if _RANK.match(head) else None
