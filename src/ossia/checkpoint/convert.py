"""The writers by layout: what ``ossia synth`` and ``ossia convert`` call."""

from pathlib import Path
from typing import Protocol

from ossia.checkpoint.source import Layout, Source
from ossia.checkpoint.stored import Progress, Written, silent
from ossia.checkpoint.write_gguf import write_gguf
from ossia.checkpoint.write_hf import write_hf
from ossia.checkpoint.write_openai import write_openai


class Writer(Protocol):
    """Writes any source in one layout, in bounded memory and all or nothing."""

    def __call__(
        self, source: Source, destination: Path, *, progress: Progress = silent
    ) -> Written:
        """Write ``source`` at ``destination``, which does not exist yet."""


WRITERS: dict[Layout, Writer] = {
    Layout.HF: write_hf,
    Layout.OPENAI: write_openai,
    Layout.GGUF: write_gguf,
}
"""By the layout that is written; ``Layout.SYNTHETIC`` has no files."""


def convert(
    source: Source, destination: Path, *, to: Layout, progress: Progress = silent
) -> Written:
    """Write a checkpoint in another layout (or the same, anew).

    Args:
        source: any checkpoint.
        destination: a folder for ``HF`` and ``OPENAI``, a file for ``GGUF``; does not exist yet.
        to: the layout.
        progress: told bytes of tensors written and bytes in all.

    Raises:
        InputError: the destination exists or cannot be written, or the layout cannot say what the
            model's configuration says.
        ResourceError: the disk is or becomes full.
    """
    return WRITERS[to](source, destination, progress=progress)
