"""``ossia convert``: a checkpoint in another layout."""

from pathlib import Path
from typing import Annotated

import typer

from ossia.cli.choice import choose


def convert(
    src: Annotated[str, typer.Argument(metavar="SRC", help="nano, or the path of a checkpoint.")],
    dst: Annotated[
        Path, typer.Argument(metavar="DST", help="A new folder, or a new file for gguf.")
    ],
    to: Annotated[str, typer.Option(metavar="hf|gguf|openai", help="The layout.")],
) -> None:
    """Write a checkpoint in another layout.

    Every value stays as it is, and memory stays bounded whatever the size. DST appears when it is
    complete, or not at all.

    \b
    Examples:
      ossia convert ~/models/gpt-oss-20b ~/models/gpt-oss-20b.gguf --to gguf
      ossia convert nano /tmp/nano --to openai
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia import hub
    from ossia.checkpoint import Layout, open_checkpoint
    from ossia.cli.writing import write

    layout = choose(Layout, to, "format", without=(Layout.SYNTHETIC,))
    write(open_checkpoint(hub.resolve(src)), dst, layout)
