"""``ossia list``: the models and names on this machine."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from ossia.cli.terminal import Screen, output, printable


@dataclass(frozen=True)
class Row:
    """One model, or one name.

    Attributes:
        size: bytes of its weights; None of a name whose model has a row of its own.
        packed: bytes that ossia packed from them.
        about: what a name stands for; or what is wrong.
        pulled, used: seconds since 1970, where known.
    """

    name: str
    size: int | None = None
    packed: int = 0
    format: str | None = None
    context: int | None = None
    about: str | None = None
    pulled: float | None = None
    used: float | None = None


def list_(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list of objects.")] = False,
) -> None:
    """List the models on this machine, and the names that you gave.

    That is what ossia pulled, what is in the Hugging Face cache, what you imported, and nano.

    \b
    Examples:
      ossia list
      ossia list --json
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    rows = [*_models(), *_names()]
    if json:
        import json as writer

        output().write(writer.dumps([asdict(row) for row in rows], indent=1) + "\n")
    else:
        _print(output(), rows)


def _models() -> Iterator[Row]:
    from ossia import hub
    from ossia.base.errors import InputError
    from ossia.hub import store
    from ossia.hub.cache import cached_models

    yield _opened("nano", hub.EMBEDDED["nano"])
    pulled = set()
    for name, manifest in store.manifests():
        pulled.add(name)
        if isinstance(manifest, InputError):
            yield Row(str(name), about=str(manifest))
        else:
            folder = store.folder_of(name)
            yield _opened(str(name), folder, manifest.pulled, store.last_used(folder))
    for name, taken in store.unfinished():
        yield Row(str(name), taken, about=f"not all here; ossia pull {name} goes on")
    for name, folder in cached_models():
        row = _opened(str(name), folder)
        if row.format is not None and name not in pulled:  # else no gpt-oss: not ours to list
            yield row


def _names() -> Iterator[Row]:
    from ossia.base.errors import InputError
    from ossia.hub.personas import path_of, personas

    for own, persona in personas():
        if isinstance(persona, InputError):
            yield Row(str(own), about=str(persona))
            continue
        used = path_of(own).stat().st_mtime
        if persona.model.startswith("/"):
            row = _opened(str(own), Path(persona.model), used=used)
        else:
            row = Row(str(own), used=used)
        kind = "" if persona.is_plain else "persona of "
        about = "; ".join(filter(None, (f"{kind}{persona.model}", row.about)))
        yield Row(**{**asdict(row), "about": about})


def _opened(name: str, path: Path, pulled: float | None = None, used: float | None = None) -> Row:
    from ossia.base.errors import OssiaError
    from ossia.checkpoint import open_checkpoint
    from ossia.checkpoint.packed import packed_files

    try:
        source = open_checkpoint(path)
        size, packed = (
            sum(file.stat().st_size for file in files)
            for files in (source.files, packed_files(source))
        )
    except (OssiaError, OSError) as error:
        return Row(name, about=f"cannot be opened: {error}", pulled=pulled, used=used)
    layout, context = source.layout.value, source.config["max_position_embeddings"]
    return Row(name, size, packed, layout, context, None, pulled, used)


def _print(screen: Screen, rows: list[Row]) -> None:
    """A table; where it is too wide, each row in lines of its own."""
    from ossia.cli.facts import LAYOUT_NAMES, size

    head = ("NAME", "SIZE", "FORMAT", "CONTEXT", "USED", "STANDS FOR")
    table = [
        (
            row.name,
            "" if row.size is None else size(row.size),
            LAYOUT_NAMES.get(row.format or "", ""),
            "" if row.context is None else f"{row.context:,}",
            _ago(row.used),
            printable(row.about or ""),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *table, strict=True)]
    width = sum(widths) + 2 * (len(widths) - 1)
    if screen.width is not None and width > screen.width:
        screen.list({name: ", ".join(filter(None, cells)) for name, *cells in table})
        return
    for cells in (head, *table):
        line = "  ".join(
            f"{cell:>{w}}" if i in (1, 3) else f"{cell:<{w}}"
            for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        )
        screen.write(line.rstrip() + "\n")


def _ago(moment: float | None) -> str:
    """How long ago, in the largest unit."""
    if moment is None:
        return ""
    seconds = max(0, time.time() - moment)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return "just now"
