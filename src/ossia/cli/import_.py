"""``ossia import``: a name for a model that is on this disk already."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base.errors import InputError
from ossia.cli.terminal import output, printable

if TYPE_CHECKING:
    from ossia.hub import OwnName


def import_(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A model's folder or file.")],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call it; else after the folder or file."),
    ] = None,
) -> None:
    """Give a name to a model that is on this disk already. It stays where it is.

    \b
    Examples:
      ossia import ~/models/my-fine-tune
      ossia import /data/gpt-oss-20b-F16.gguf --name twenty
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.checkpoint import open_checkpoint
    from ossia.cli.facts import LAYOUT_NAMES, facts_of, number
    from ossia.hub.personas import keep

    where = _existing(path)
    own = hub.parse_own(name) if name is not None else _called(where)
    facts = facts_of(open_checkpoint(where))  # raises if it is no gpt-oss
    keep(own, hub.Persona(str(where)))
    what = f"{LAYOUT_NAMES[facts.layout]}, {number(facts.num_parameters)} parameters"
    output().say(printable(f"{own} is now a name of {where} ({what})"))


def _existing(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()
        if text and path.exists():
            return path
    except (OSError, ValueError, RuntimeError):
        pass  # no name of a file, or of no user's home
    raise InputError(f"{text!r:.200}: there is no such file or folder to import")


def _called(path: Path) -> "OwnName":
    """A name after a file or folder.

    Raises:
        InputError: it is called in a way that no name is, or like a model of the hub.
    """
    from ossia import hub

    called = path.stem if path.suffix in (".gguf", ".safetensors") else path.name
    try:
        return hub.parse_own(re.sub(r"[ +()]+", "-", called))
    except InputError as error:
        raise InputError(f"{error}; say --name NAME") from None
