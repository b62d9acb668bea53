"""Reading a vocabulary whole, but never more than a vocabulary can have."""

from pathlib import Path

from ossia.base.errors import TokenizerError

MAX_BYTES = 64 << 20
"""Larger files are refused unread; gpt-oss's tokenizer.json has 28 MB."""


def read_bounded(path: Path) -> bytes:
    """Read a file.

    Raises:
        TokenizerError: it cannot be read, or is too large to be a vocabulary.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TokenizerError(
            f"{path}: cannot read the vocabulary: {error.strerror or error}"
        ) from None
    check_size(str(path), len(data))
    return data


def check_size(origin: str, num_bytes: int) -> None:
    """Refuse what is too large to be a vocabulary, wherever it lies.

    Raises:
        TokenizerError: it is.
    """
    if num_bytes > MAX_BYTES:
        raise TokenizerError(
            f"{origin}: larger than {MAX_BYTES >> 20} MB, which no vocabulary of a gpt-oss is"
        )
