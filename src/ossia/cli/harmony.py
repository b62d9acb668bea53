"""``ossia harmony``: the chat format to look at, both ways.

Reads files and prints; what a prompt is, and what an output means, is ``ossia.harmony``'s.
"""

import json
import re
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.cli.failures import reported
from ossia.cli.terminal import output, printable
from ossia.cli.vocabulary import vocabulary_files

if TYPE_CHECKING:
    from ossia.harmony import Parser
    from ossia.tokenizer import Tokenizer

_MAX_BYTES = 64 << 20

Vocabulary = Annotated[
    str,
    typer.Option(
        "--tokenizer",
        metavar="NAME",
        help="A model, tokenizer.json or tiktoken file to take the vocabulary from.",
    ),
]

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def harmony() -> None:
    """See conversations as the model does, in the harmony chat format.

    \b
    Examples:
      ossia harmony render chat.json
      ossia harmony parse answer.txt
    """  # noqa: D301 - the \b tells typer to keep the lines as they are


def render(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A conversation as JSON; standard input if absent."),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print token ids instead of text.")] = False,
    for_completion: Annotated[
        bool, typer.Option("--for-completion", help="Begin the assistant's next message.")
    ] = False,
    tokenizer: Vocabulary = "nano",
) -> None:
    """Print the prompt that a conversation becomes.

    FILE holds a request in OpenAI's chat JSON (messages, tools, response_format and
    reasoning_effort count), a list of its messages, or harmony messages as openai-harmony writes
    them. A request's prompt begins with the system message that ossia gives it, date included.

    \b
    Examples:
      ossia harmony render chat.json --for-completion
      ossia harmony render chat.json --ids --tokenizer ~/models/gpt-oss-20b
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.conversation import read_conversation
    from ossia.harmony import render

    today = settings.current_date() or date.today().isoformat()
    messages = read_conversation(_json(_read(file), _name(file)), today)
    vocabulary = _load(tokenizer)
    rendered = render(messages, vocabulary, for_completion=for_completion)
    _print(json.dumps(rendered) if ids else vocabulary.decode(rendered))


def parse(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A model's output; standard input if absent."),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="FILE holds token ids.")] = False,
    tokenizer: Vocabulary = "nano",
) -> None:
    """Print the messages in a model's output as JSON, and what was mended in them.

    FILE holds harmony text with its control tokens by name, or with --ids the ids of its tokens.
    It may begin with the prompt's last words, <|start|>assistant.

    \b
    Examples:
      ossia harmony parse answer.txt
      echo '<|channel|>final<|message|>42<|return|>' | ossia harmony parse
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.harmony import Parser

    text = _read(file)
    vocabulary = _load(tokenizer)
    parser = Parser(vocabulary)
    for token_id in _ids(text, vocabulary) if ids else _encode(text, vocabulary):
        parser.feed(token_id)
    parser.finish()
    _print(json.dumps(_described(parser), ensure_ascii=False, indent=2))


for verb, short in (
    (render, "Print the prompt that a conversation becomes."),
    (parse, "Print the messages in a model's output."),
):
    app.command(short_help=short)(reported(verb))


def _described(parser: "Parser") -> dict[str, Any]:
    messages = [
        {
            "role": "assistant",
            "channel": message.channel,
            "recipient": message.recipient,
            "content_type": message.content_type,
            "content": message.text,
        }
        for message in parser.messages
    ]
    return {"messages": messages, "repairs": list(parser.repairs)}


def _load(name: str) -> "Tokenizer":
    from ossia.harmony import check_vocabulary
    from ossia.tokenizer import load_tokenizer

    files = vocabulary_files(name)
    tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    check_vocabulary(tokenizer)
    return tokenizer


def _encode(text: str, tokenizer: "Tokenizer") -> list[int]:
    """The ids of harmony text: here, unlike anywhere else, the name of a control token is one."""
    text = text.removesuffix("\n").removeprefix("<|start|>assistant")
    names = "|".join(map(re.escape, tokenizer.specials))
    ids: list[int] = []
    for part in re.split(f"({names})", text):
        is_control = part in tokenizer.specials
        ids += [tokenizer.special(part)] if is_control else tokenizer.encode(part)
    return ids


def _ids(text: str, tokenizer: "Tokenizer") -> list[int]:
    """Ids between spaces, commas or brackets."""
    words = re.sub(r"[\[\],]", " ", text).split()
    for word in words:
        if not re.fullmatch(r"\d{1,10}", word):
            raise InputError(f"{word!r:.40} is no token id; expected numbers, such as [200005, 17]")
    ids = [int(word) for word in words]
    begun = [tokenizer.special("<|start|>"), *tokenizer.encode("assistant")]
    return ids[len(begun) :] if ids[: len(begun)] == begun else ids


def _read(file: Path | None) -> str:
    """The text of a file, or of standard input."""
    try:
        if file is None or str(file) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1) if sys.stdin else b""
        else:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {_name(file)}: {reason}") from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"{_name(file)}: larger than {_MAX_BYTES >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{_name(file)}: no UTF-8 text (byte {error.start})") from None


def _name(file: Path | None) -> str:
    return "standard input" if file is None or str(file) == "-" else str(file)


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}: no JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{name}: JSON that is too deep, or a number too long") from None


def _print(text: str) -> None:
    screen = output()
    screen.write(f"{printable(text) if screen.is_terminal else text}\n")
