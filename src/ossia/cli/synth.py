"""``ossia synth``: random checkpoints of any shape."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base.errors import InputError
from ossia.cli.choice import choose
from ossia.cli.terminal import notices
from ossia.cli.vocabulary import vocabulary_files

if TYPE_CHECKING:
    from ossia.checkpoint import SyntheticShape, TokenizerFiles


def synth(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new folder, or a new file for gguf.")
    ],
    shape: Annotated[
        str,
        typer.Option(
            metavar="SHAPE",
            help="20b, 120b, tiny, or LAYERSxHIDDENxEXPERTS[xHEADS[xKV_HEADS[xVOCABULARY]]].",
        ),
    ] = "tiny",
    format: Annotated[str, typer.Option(metavar="hf|openai|gguf", help="The layout.")] = "hf",  # noqa: A002
    seed: Annotated[
        int, typer.Option(metavar="N", help="The same seed gives the same weights.", min=0)
    ] = 0,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A model, tokenizer.json or tiktoken file to take the vocabulary from; "
            "nano's where the shape has room for it.",
        ),
    ] = None,
) -> None:
    """Write a checkpoint of random weights, as fast as the disk takes it.

    It has the shape and the files of a real one and computes sane numbers, so it serves to test
    and to measure; what it says is noise. OUT appears when it is complete, or not at all.

    \b
    Examples:
      ossia synth /tmp/tiny
      ossia synth /tmp/20b --shape 20b --tokenizer o200k_base.tiktoken
      ossia synth /tmp/odd.gguf --shape 3x96x5 --format gguf --seed 7
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape
    from ossia.cli.writing import write

    layout = choose(Layout, format, "format", without=(Layout.SYNTHETIC,))
    sizes = SyntheticShape.parse(shape)
    vocabulary = _default(sizes) if tokenizer is None else _given(tokenizer, sizes)
    write(SyntheticCheckpoint(sizes, seed, vocabulary), out, layout)
    if vocabulary is None:
        notices().say(
            f"It has no vocabulary and cannot be talked with: {sizes.vocabulary:,} rows are too "
            "few for nano's. Give --tokenizer, or more rows in --shape."
        )


def _default(shape: "SyntheticShape") -> "TokenizerFiles | None":
    """Nano's vocabulary, where every token of it has a row."""
    from ossia import hub
    from ossia.checkpoint import TokenizerFiles

    files = TokenizerFiles(json=hub.EMBEDDED["nano"] / "tokenizer.json")
    return files if _num_tokens(files) <= shape.vocabulary else None


def _given(name: str, shape: "SyntheticShape") -> "TokenizerFiles":
    """The vocabulary of a model, or the one in a file."""
    files = vocabulary_files(name)
    if (num_tokens := _num_tokens(files)) > shape.vocabulary:
        raise InputError(
            f"the vocabulary of {name} has {num_tokens:,} tokens and the shape "
            f"{shape.vocabulary:,} rows; write the rows into the shape: "
            f"{shape.layers}x{shape.hidden}x{shape.experts}x{shape.heads}x{shape.kv_heads}"
            f"x{num_tokens}"
        )
    return files


def _num_tokens(files: "TokenizerFiles") -> int:
    from ossia.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    return tokenizer.vocabulary_size
