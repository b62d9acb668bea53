"""What a model's name stands for: the embedded model, or a path."""

from pathlib import Path

from ossia.base.errors import InputError

EMBEDDED = {"nano": Path(__file__).parent / "nano"}
"""Models inside the package."""


def resolve(name: str) -> Path:
    """The file or folder of a model, by name or path. A name wins over a folder called the same.

    Raises:
        InputError: neither a known name nor something on disk.
    """
    if name in EMBEDDED:
        return EMBEDDED[name]
    path = Path(name).expanduser()
    if not path.exists():
        known = ", ".join(EMBEDDED)
        raise InputError(
            f"no model {name!r}: it is neither a file or folder here nor a known name ({known})"
        )
    return path
