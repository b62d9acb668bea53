"""A checkpoint on its way to the disk: a bar while it is written, and what was written."""

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from ossia.checkpoint import Layout, Source, Written, convert
from ossia.cli.facts import counted, size
from ossia.cli.terminal import notices, output, printable


def write(source: Source, destination: Path, layout: Layout) -> None:
    """Write a checkpoint and say what came of it.

    Raises:
        InputError: the destination exists or cannot be written, or the layout cannot hold it.
        ResourceError: the disk is full.
    """
    start = time.perf_counter()
    written = _with_bar(source, destination, layout)
    seconds = time.perf_counter() - start
    output().say(
        f"{printable(str(written.path))}: {size(written.nbytes)} in "
        f"{counted(len(written.files), 'file')}, "
        f"{seconds:.1f} s, {size(written.nbytes / seconds)}/s"
    )
    for note in written.notes:
        output().say(f"note: {note}")


def _with_bar(source: Source, destination: Path, layout: Layout) -> Written:
    columns = (BarColumn(bar_width=None), DownloadColumn(), TimeRemainingColumn())
    # Asked for anew by each bar: rich remembers nothing of a terminal that changed.
    console = Console(stderr=True)
    is_shown = notices().can_move
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bar:
        task = bar.add_task("writing", total=None)
        return convert(
            source,
            destination,
            to=layout,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
