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
    path = _existing(name) if name else None
    if path is None:
        known = ", ".join(EMBEDDED)
        raise InputError(
            f"no model {name!r:.200}: it is neither a file or folder here nor a known name "
            f"({known})"
        )
    return path


def _existing(name: str) -> Path | None:
    """The path that a name spells, if something is there."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # no name of a file, or of no user's home
        return None
