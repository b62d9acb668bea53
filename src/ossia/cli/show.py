"""``ossia show``: what a model is, what memory it takes, and how fast it should be here."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ossia.cli.terminal import output, printable

if TYPE_CHECKING:
    from ossia.bench.expected import Expectation
    from ossia.checkpoint import Source
    from ossia.cli.facts import Facts, Memory
    from ossia.hub import Model, Persona

CONTEXTS = (4_096, 8_192, 32_768, 131_072)


def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model's name or path, or a persona.")
    ],
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the file of a persona and nothing else.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it all as one JSON object.")] = False,
) -> None:
    """Tell what a model is: shape, format, licence, memory, and the speed to expect here.

    No weight is read. The speed is an estimate: what a token must read, over the memory's
    bandwidth as it is measured now.

    \b
    Examples:
      ossia show nano
      ossia show gpt-oss:20b --tensors
      ossia show pirate --toml > pirate.toml
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.agent import persona_named
    from ossia.checkpoint import open_checkpoint
    from ossia.cli.facts import expectation_of, facts_of, memory_of
    from ossia.ops.select import select_backend

    if toml:
        output().write(_toml(model))
        return
    persona = persona_named(model)
    found = hub.find(model)
    source = open_checkpoint(found.path)
    facts = facts_of(source)
    rows = memory_of(facts, CONTEXTS, select_backend().ops.kv_item_bytes())
    speed = expectation_of(facts)
    if json:
        _print_json(found, persona, facts, rows, speed, source if tensors else None)
        return
    _print(found, persona, facts, rows, speed)
    if tensors:
        _print_tensors(source)


def _toml(name: str) -> str:
    from ossia import hub
    from ossia.agent import persona_named
    from ossia.hub.personas import to_toml

    return to_toml(persona_named(name) or hub.meaning(name))


def _print(
    found: "Model",
    persona: "Persona | None",
    facts: "Facts",
    rows: "list[Memory]",
    speed: "Expectation | None",
) -> None:
    from ossia.cli.facts import facts_lines, size
    from ossia.hub.licence import licence_of

    screen = output()
    lines = _persona_lines(persona) | facts_lines(facts)
    lines["place"] = found.place.value + (f", {found.on_hub}" if found.on_hub else "")
    lines["licence"] = licence_of(found) or "not told"
    lines["speed"] = _speed(facts, speed)
    screen.list(lines)
    screen.write(f"\n{'context':>9} {'KV cache':>9} {'+ weights':>9}\n")
    largest = max(row.context for row in rows if row.fits)
    for row in rows:
        note = "  most here" if row.context == largest else "" if row.fits else "  too much"
        screen.write(
            f"{row.context:>9,} {size(row.kv_bytes):>9} {size(row.total_bytes):>9}{note}\n"
        )
    screen.say(
        "\nWeights are mapped from their files. Without --context, ossia run makes room for as "
        "many tokens as fit in half of the memory that is free beside the weights.",
        dim=True,
    )


def _persona_lines(persona: "Persona | None") -> dict[str, str]:
    if persona is None or persona.is_plain:
        return {}
    settings = ", ".join(f"{name} {value}" for name, value in persona.settings.items())
    lines = {"persona of": persona.model, "system": persona.system}
    lines |= {"effort": persona.effort, "settings": settings or None}
    return {name: printable(text) for name, text in lines.items() if text is not None}


def _speed(facts: "Facts", speed: "Expectation | None") -> str:
    from ossia.base.memory import available_memory
    from ossia.bench.expected import SHARES
    from ossia.cli.facts import size

    if speed is None:
        return "not estimated for so small a model, nor for other backends than cpu"
    reads = f"a token reads {size(speed.traffic.total)}"
    if facts.weight_bytes > available_memory():
        return f"slow: {reads}, from the disk, because the weights do not fit in the memory free"
    low, high = speed.tokens_per_second
    shares = " to ".join(f"{share:.0%}" for share in SHARES)
    return (
        f"about {low:.1f} to {high:.1f} tokens/s, an estimate: {reads}, memory gives "
        f"{size(speed.bandwidth)}/s now, and {shares} of that was reached where ossia was measured"
    )


def _print_tensors(source: "Source") -> None:
    screen = output()
    screen.write("\n")
    for info in source.tensors.values():
        shape = " x ".join(map(str, info.shape))
        screen.write(f"{info.name:36} {info.encoding:6} {shape}\n")


def _print_json(
    found: "Model",
    persona: "Persona | None",
    facts: "Facts",
    rows: "list[Memory]",
    speed: "Expectation | None",
    source: "Source | None",
) -> None:
    """Fields of ``Facts``; ``memory``, the last row the largest context; ``tensors`` if asked."""
    import json
    from dataclasses import asdict

    from ossia.hub.licence import licence_of

    document: dict[str, Any] = asdict(facts)
    document["encodings"] = {
        name: {"tensors": count, "bytes": nbytes}
        for name, (count, nbytes) in facts.encodings.items()
    }
    document["memory"] = [asdict(row) for row in rows]
    document["place"] = found.place.value
    document["on_hub"] = None if found.on_hub is None else str(found.on_hub)
    document["licence"] = licence_of(found)
    document["persona"] = None if persona is None else asdict(persona)
    document["speed"] = None
    if speed is not None:
        low, high = speed.tokens_per_second
        document["speed"] = asdict(speed) | {"tokens_per_second": {"low": low, "high": high}}
    if source is not None:
        document["tensors"] = [asdict(info) for info in source.tensors.values()]
    output().write(json.dumps(document, indent=1, default=str) + "\n")
