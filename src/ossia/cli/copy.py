"""``ossia cp``: a second name for a model or a persona."""

from typing import Annotated

import typer

from ossia.cli.terminal import output, printable


def copy(
    source: Annotated[str, typer.Argument(metavar="NAME", help="A model, or a persona.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its second name.")],
) -> None:
    """Give a model or a persona a second name. No byte of a model is copied.

    \b
    Examples:
      ossia cp gpt-oss:20b mine
      ossia cp pirate pirate:v2
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.hub.personas import keep

    hub.find(source)  # raises if it is not here
    persona = hub.meaning(source)
    keep(hub.parse_own(new), persona)
    output().say(printable(f"{new} is now a name of {persona.model}"))
