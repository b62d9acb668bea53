"""``ossia create``: a persona."""

from pathlib import Path
from typing import Annotated

import typer

from ossia.base.errors import InputError
from ossia.cli.terminal import output, printable


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    base: Annotated[
        str,
        typer.Option(
            "--from", metavar="MODEL", help="A model, a persona, or a persona's .toml file."
        ),
    ],
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instructions for every conversation.")
    ] = None,
    effort: Annotated[
        str | None, typer.Option(metavar="low|medium|high", help="How long to reason.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=X",
            help="Set temperature, top_p, top_k, min_p, seed, max_tokens or another number that "
            "/set in a talk knows; can be repeated.",
        ),
    ] = None,
) -> None:
    """Make a persona: a model with instructions, effort and sampling of its own.

    It is a small TOML file, which ossia show NAME --toml prints and --from reads. A persona made
    from another has all that the other has, but for what is given here.

    \b
    Examples:
      ossia create pirate --from gpt-oss:20b --system "You talk like a pirate."
      ossia create careful --from pirate --effort high --set temperature=0.7
      ossia create pirate --from pirate.toml
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.agent import opening
    from ossia.hub.personas import keep, moved, read_persona

    own = hub.parse_own(name)
    is_file = base.endswith(".toml")
    persona = read_persona(Path(base).expanduser()) if is_file else hub.meaning(base)
    settings = dict(_setting(text) for text in changes or [])
    persona = moved(persona, system=system, effort=effort, settings=settings)
    opening(persona)  # refuses what no conversation can have
    keep(own, persona)
    output().say(printable(f"{own} is now a persona of {persona.model}: ossia run {own}"))


def _setting(text: str) -> tuple[str, int | float]:
    name, _, value = text.partition("=")
    for kind in (int, float):
        try:
            return name.strip(), kind(value)
        except ValueError:
            continue
    raise InputError(f"--set {text!r:.60}: expected NAME=NUMBER, such as temperature=0.7")
