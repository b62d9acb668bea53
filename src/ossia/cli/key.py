"""``ossia key``: who may use a server that is not for this computer alone."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ossia.cli.failures import reported
from ossia.cli.terminal import notices, output, printable

app = typer.Typer(no_args_is_help=True, help="Keys for a server that others reach.")


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")],
    at_once: Annotated[
        int | None, typer.Option(metavar="N", help="Requests that may be under way; default any.")
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(metavar="N", help="Requests a minute; default any number.")
    ] = None,
) -> None:
    """Make a key and print it, this once: what is kept is a digest."""
    from ossia.server import keys

    output().write(keys.create(name, at_once, per_minute) + "\n")
    notices().say("keep it; it cannot be shown again", dim=True)


def show() -> None:
    """List the keys by name."""
    from ossia.server import keys

    for key in keys.read():
        made = datetime.fromtimestamp(key.created, UTC).date()
        limits = (
            *([f"{key.at_once} at once"] if key.at_once else []),
            *([f"{key.per_minute} a minute"] if key.per_minute else []),
        )
        output().write("  ".join((printable(key.name), f"made {made}", *limits)) + "\n")


def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
) -> None:
    """Make a key useless."""
    from ossia.server import keys

    keys.revoke(name)


app.command()(reported(create))
app.command("list")(reported(show))
app.command()(reported(revoke))
