"""``ossia show``: what a model is, what memory it takes, and how fast it should be here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ossia.cli.terminal import output, printable

if TYPE_CHECKING:
    from ossia.bench.expected import Expectation
    from ossia.checkpoint import Source
    from ossia.cli.facts import Facts
    from ossia.engine.planning import Memory
    from ossia.hub import HubName, Persona

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
    if toml:
        output().write(_toml(model))
        return
    shown = _look(model)
    if json:
        _print_json(shown, with_tensors=tensors)
        return
    _print(shown)
    if tensors:
        _print_tensors(shown.source)


@dataclass(frozen=True, eq=False)
class Shown:
    """All that is told of a model.

    Attributes:
        source: of a model that is not here yet, one of the same shape.
        place: where it is, in words.
        speed: to expect of decoding, where that can be told.
    """

    source: "Source"
    persona: "Persona | None"
    place: str
    on_hub: "HubName | None"
    licence: str | None
    facts: "Facts"
    memory: "list[Memory]"
    speed: "Expectation | None"


def _look(name: str) -> Shown:
    from ossia import hub
    from ossia.agent import persona_named
    from ossia.checkpoint import open_checkpoint
    from ossia.cli.coming import find_coming
    from ossia.cli.facts import expectation_of, facts_of, size
    from ossia.engine.planning import memory_of
    from ossia.hub.licence import licence_of
    from ossia.hub.names import short
    from ossia.ops.select import select_backend

    persona = persona_named(name)
    on_hub: HubName | None
    licence: str | None
    absent = hub.missing(name)
    coming = None if absent is None else find_coming(absent)
    if absent is not None and coming is not None:
        source, on_hub, licence = coming.source, absent, coming.licence
        place = f"not here; ossia pull {short(absent)} downloads {size(coming.size)}"
    else:
        found = hub.find(name)
        source, on_hub, licence = open_checkpoint(found.path), found.on_hub, licence_of(found)
        place = found.place.value + (f", {on_hub}" if on_hub else "")
    facts = facts_of(source)
    item_bytes = select_backend().ops.kv_item_bytes()
    rows = memory_of(facts.config, facts.weight_bytes, CONTEXTS, item_bytes)
    speed = expectation_of(facts)
    return Shown(source, persona, place, on_hub, licence, facts, rows, speed)


def _toml(name: str) -> str:
    from ossia import hub
    from ossia.agent import persona_named
    from ossia.hub.personas import to_toml

    return to_toml(persona_named(name) or hub.meaning(name))


def _print(shown: Shown) -> None:
    from ossia.cli.facts import facts_lines, size

    screen = output()
    lines = _persona_lines(shown.persona) | facts_lines(shown.facts)
    if not shown.source.files:  # not here yet
        for name in ("path", "format", "vocabulary"):
            del lines[name]
    lines["place"] = shown.place
    lines["licence"] = shown.licence or "not told"
    lines["speed"] = _speed(shown.facts, shown.speed)
    screen.list(lines)
    rows = shown.memory
    screen.write(f"\n{'context':>8}{'KV cache':>9}{'+ weights':>10}{'at once':>8}\n")
    largest = max(row.context for row in rows if row.fits)
    for row in rows:
        note = " most" if row.context == largest else ""
        once = row.num_at_once if row.fits else "none"
        screen.write(
            f"{row.context:>8,}{size(row.kv_bytes):>9}{size(row.total_bytes):>10}{once:>8}{note}\n"
        )
    screen.say(
        "\nWeights are mapped from their files. Without --context, ossia run makes room for as "
        "many tokens as fit in half of the memory that is free beside the weights. At once: so "
        "many conversations of that length go on at the same time in it.",
        dim=True,
    )


def _persona_lines(persona: "Persona | None") -> dict[str, str]:
    if persona is None or persona.is_plain:
        return {}
    settings = ", ".join(f"{name} {value}" for name, value in persona.settings.items())
    lines = {"persona of": persona.model, "system": persona.system}
    lines |= {"effort": persona.effort, "settings": settings or None}
    lines |= {"tools": ", ".join(persona.tools) or None}
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


def _print_json(shown: Shown, *, with_tensors: bool) -> None:
    """Fields of ``Facts``; ``memory``, the last row the largest context; ``tensors`` if asked."""
    import json
    from dataclasses import asdict

    facts, speed = shown.facts, shown.speed
    document: dict[str, Any] = asdict(facts)
    document["encodings"] = {
        name: {"tensors": count, "bytes": nbytes}
        for name, (count, nbytes) in facts.encodings.items()
    }
    document["memory"] = [asdict(row) for row in shown.memory]
    if not shown.source.files:
        document["path"] = document["layout"] = None  # not here yet
    document["place"] = shown.place
    document["on_hub"] = None if shown.on_hub is None else str(shown.on_hub)
    document["licence"] = shown.licence
    document["persona"] = None if shown.persona is None else asdict(shown.persona)
    document["speed"] = None
    if speed is not None:
        low, high = speed.tokens_per_second
        document["speed"] = asdict(speed) | {"tokens_per_second": {"low": low, "high": high}}
    if with_tensors:
        document["tensors"] = [asdict(info) for info in shown.source.tensors.values()]
    output().write(json.dumps(document, indent=1, default=str) + "\n")
