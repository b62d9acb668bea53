"""``ossia ps``: which models a server has in memory."""

from typing import Annotated

import typer

from ossia.cli.terminal import output, printable


def ps(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where it listens; default 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Its port; default 11434.")] = None,
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

    found = ask("GET", "/ossia/loaded", host, port)
    rows, loading = found["models"], found["loading"]
    if json:
        output().write(text.dumps(rows, indent=1) + "\n")
        return
    if not (rows or loading):
        output().write("no model is in memory\n")
    for row in rows:
        left = row["seconds_left"]
        until = "stays" if left is None else f"goes in {left:.0f} s"
        asked = f"{row['num_requests']} requests" if row["num_requests"] else until
        name, nbytes = printable(row["name"]), size(row["num_bytes"])
        output().write(f"{name}  {nbytes}  {row['context']:,} tokens of context  {asked}\n")
    for row in loading:
        share = "" if row["share"] is None else f", {row['share']:.0%} packed"
        output().write(f"{printable(row['name'])}  loading{share}\n")
