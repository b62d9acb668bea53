"""``ossia show``: what a model is, and what memory it takes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ossia.cli.terminal import output

if TYPE_CHECKING:
    from ossia.checkpoint import Source
    from ossia.cli.facts import Facts, Memory

CONTEXTS = (4_096, 8_192, 32_768, 131_072)


def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="nano, or the path of a checkpoint.")
    ],
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it all as one JSON object.")] = False,
) -> None:
    """Tell what a model is: shape, format, tensors, memory. No weight is read.

    \b
    Examples:
      ossia show nano
      ossia show ~/models/gpt-oss-20b --tensors
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.checkpoint import open_checkpoint
    from ossia.cli.facts import facts_of, memory_of
    from ossia.ops.select import select_backend

    source = open_checkpoint(hub.resolve(model))
    facts = facts_of(source)
    rows = memory_of(facts, CONTEXTS, select_backend().ops.kv_item_bytes())
    if json:
        _print_json(facts, rows, source if tensors else None)
        return
    _print(facts, rows)
    if tensors:
        _print_tensors(source)


def _print(facts: "Facts", rows: "list[Memory]") -> None:
    from ossia.cli.facts import facts_lines, size

    screen = output()
    screen.list(facts_lines(facts))
    screen.write(f"\n{'context':>9} {'KV cache':>9} {'+ weights':>10}\n")
    largest = max(row.context for row in rows if row.fits)
    for row in rows:
        note = "  most here" if row.context == largest else "" if row.fits else "  too much here"
        screen.write(
            f"{row.context:>9,} {size(row.kv_bytes):>9} {size(row.total_bytes):>10}{note}\n"
        )
    screen.say(
        "\nWeights are mapped from their files. Without --context, ossia run makes room for as "
        "many tokens as fit in half of the memory that is free beside the weights.",
        dim=True,
    )


def _print_tensors(source: "Source") -> None:
    screen = output()
    screen.write("\n")
    for info in source.tensors.values():
        shape = " x ".join(map(str, info.shape))
        screen.write(f"{info.name:36} {info.encoding:6} {shape}\n")


def _print_json(facts: "Facts", rows: "list[Memory]", source: "Source | None") -> None:
    """Fields of ``Facts``; ``memory``, the last row the largest context; ``tensors`` if asked."""
    import json
    from dataclasses import asdict

    document: dict[str, Any] = asdict(facts)
    document["encodings"] = {
        name: {"tensors": count, "bytes": nbytes}
        for name, (count, nbytes) in facts.encodings.items()
    }
    document["memory"] = [asdict(row) for row in rows]
    if source is not None:
        document["tensors"] = [asdict(info) for info in source.tensors.values()]
    output().write(json.dumps(document, indent=1, default=str) + "\n")
