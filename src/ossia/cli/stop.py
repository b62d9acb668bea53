"""``ossia stop``: lets a model go from a server's memory."""

from typing import Annotated
from urllib.parse import quote

import typer

from ossia.base.errors import InputError
from ossia.cli.terminal import notices, printable


def stop(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="A model that ossia ps lists; without it, all."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where it listens; default 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Its port; default 11434.")] = None,
) -> None:
    """Let models go from the memory of ossia serve; the next request loads them again.

    \b
    Examples:
      ossia stop gpt-oss:20b
      ossia stop
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.running import ask

    rows = ask("GET", "/ossia/loaded", host, port)["models"]
    names = [row["name"] for row in rows] if model is None else [model]
    if not names:
        notices().say("no model is in memory")
    kept = []
    for name in names:
        if ask("DELETE", f"/ossia/loaded/{quote(name)}", host, port)["unloaded"]:
            notices().say(f"{printable(name)} is out of memory")
        else:
            kept.append(printable(name))
    if kept:
        raise InputError(f"{', '.join(kept)}: not in memory, or answers somebody just now")
