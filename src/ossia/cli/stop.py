"""``ossia stop``: lets a model go from a server's memory."""

from typing import Annotated
from urllib.parse import quote

import typer

from ossia.base.errors import InputError
from ossia.cli.terminal import notices, printable


def stop(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model that ossia ps lists.")],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Its port.")] = 11434,
) -> None:
    """Let a model go from the memory of ossia serve; the next request loads it again.

    \b
    Examples:
      ossia stop gpt-oss:20b
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.running import ask

    done = ask("DELETE", f"/ossia/loaded/{quote(model)}", host, port)
    if not done["unloaded"]:
        raise InputError(f"{printable(model)} is not in memory, or answers somebody just now")
    notices().say(f"{printable(model)} is out of memory")
