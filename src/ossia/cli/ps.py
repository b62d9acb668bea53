"""``ossia ps``: which models a server has in memory."""

from typing import Annotated

import typer

from ossia.cli.terminal import output, printable


def ps(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Its port.")] = 11434,
    json: Annotated[bool, typer.Option("--json", help="Print it all as JSON.")] = False,
) -> None:
    """List the models that ossia serve has in memory, and until when.

    \b
    Examples:
      ossia ps
      ossia ps --json
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    import json as text

    from ossia.cli.facts import size
    from ossia.cli.running import ask

    rows = ask("GET", "/ossia/loaded", host, port)["models"]
    if json:
        output().write(text.dumps(rows, indent=1) + "\n")
        return
    if not rows:
        output().write("no model is in memory\n")
    for row in rows:
        left = row["seconds_left"]
        until = "stays" if left is None else f"goes in {left:.0f} s"
        asked = f"{row['num_requests']} requests" if row["num_requests"] else until
        name, nbytes = printable(row["name"]), size(row["num_bytes"])
        output().write(f"{name}  {nbytes}  {row['context']:,} tokens of context  {asked}\n")
