"""The flags that lay tools open to models, for every verb that has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ossia.agent import Equipment

Tools = Annotated[
    str | None,
    typer.Option(
        "--tools", metavar="NAMES", help="Tools to lay open, by commas: browser, python, patch."
    ),
]
Venv = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Virtual environment that the python tool runs with."),
]
UnsafePython = Annotated[
    bool,
    typer.Option(
        "--unsafe-python", help="Run the model's Python as you, with no sandbox around it."
    ),
]


def equipment(
    tools: str | None, venv: Path | None, *, is_unsafe: bool, folder: Path | None = None
) -> "Equipment":
    """What the flags lay open.

    Raises:
        InputError: there is no such tool, or a flag is of a tool that is not named.
    """
    from ossia.agent import Equipment
    from ossia.base.errors import InputError

    names = frozenset(filter(None, map(str.strip, (tools or "").split(","))))
    given = {"--venv": venv is not None, "--unsafe-python": is_unsafe}
    for flag, is_given in given.items():
        if is_given and "python" not in names:
            raise InputError(f"{flag} is of the python tool; lay it open too: --tools python")
    if folder is not None and "patch" not in names:
        raise InputError("--folder is of the patch tool; lay it open too: --tools patch")
    return Equipment(names, folder or Path.cwd(), venv, is_unsafe)
