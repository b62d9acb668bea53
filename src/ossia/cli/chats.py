"""``ossia chats``: the conversations that are kept, listed, found, shown, exported, deleted."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base.errors import InputError
from ossia.cli.failures import reported
from ossia.cli.terminal import notices, output, printable

if TYPE_CHECKING:
    from ossia.agent.chats import Head

app = typer.Typer(
    invoke_without_command=True,
    help="The conversations that are kept: of ossia run, and of the page.",
)
_MAX_BYTES = 256 << 20
_SHOWN = 50

Chat = Annotated[str, typer.Argument(metavar="ID", help="A chat's id, or how it begins.")]


@app.callback()
def listed(context: typer.Context) -> None:
    """List the conversations that are kept, the latest first.

    Every talk with ossia run is kept, unless it says --no-save, and so is every chat of the page.

    \b
    Examples:
      ossia chats
      ossia chats find lantern
      ossia run nano --resume 3f9a
      ossia chats export 3f9a --markdown > lantern.md
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    if context.invoked_subcommand is None:
        reported(_list)("")


def find(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="All of them were said.")],
) -> None:
    """Find conversations by what was said in them."""
    _list(" ".join(words))


def show(chat_id: Chat) -> None:
    """Print a conversation, as Markdown."""
    export(chat_id, markdown=True)


def export(
    chat_id: Chat,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="What was said, for people; no branches.")
    ] = False,
) -> None:
    """Print a conversation: JSON with all of its branches, or Markdown."""
    import json

    from ossia.agent.chats import as_document, as_markdown, open_chats

    chats = open_chats()
    chat = chats.chat("", chats.full_id("", chat_id))
    if markdown:
        text = as_markdown(chat)
        output().write(printable(text) if output().is_terminal else text)
    else:
        output().write(json.dumps(as_document(chat), indent=1) + "\n")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported chat; - is stdin.")],
) -> None:
    """Keep a conversation that was exported, here or elsewhere."""
    import json

    from ossia.agent.chats import from_document, open_chats

    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from None
    if len(data) > _MAX_BYTES:
        raise InputError(f"{file}: larger than {_MAX_BYTES >> 20} MiB, which no chat is")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError(f"{file}: this is no chat that ossia exported") from None
    head = open_chats().put("", from_document(document))
    output().write(f"{_short(head)}\n")


def rename(
    chat_id: Chat,
    title: Annotated[list[str], typer.Argument(metavar="TITLE", help="What it is called now.")],
) -> None:
    """Give a conversation a title."""
    from ossia.agent.chats import open_chats

    chats = open_chats()
    chats.change("", chats.full_id("", chat_id), title=" ".join(title))


def remove(
    chat_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or their starts.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete conversations, with all that was said in them."""
    from ossia.agent.chats import open_chats
    from ossia.cli.confirm import is_agreed

    chats = open_chats()
    found = [chats.chat("", chats.full_id("", start)).head for start in chat_ids]
    titles = ", ".join(f"{head.title!r:.60}" for head in found)
    if yes or is_agreed(f"Delete {titles} for good?"):
        for head in found:
            chats.delete("", head.id)


def _list(query: str) -> None:
    from ossia.agent.chats import open_chats

    page = open_chats().heads("", query, limit=_SHOWN)
    if not page.heads:
        notices().say("none was found" if query else "none yet; a talk begins with ossia run MODEL")
    for head in page.heads:
        _print(head)
    if page.has_more:
        notices().say("there are more; ossia chats find WORDS looks in all of them", dim=True)


def _print(head: "Head") -> None:
    """Two lines a chat: they fit into 40 columns."""
    screen = output()
    when = datetime.fromtimestamp(head.changed).strftime("%Y-%m-%d %H:%M")
    screen.write(f"{_short(head)}  {printable(head.title or 'untitled')}\n")
    screen.write(f"        {when}  {printable(head.model)}\n", dim=True)
    if head.excerpt:
        screen.write(f"        {printable(' '.join(head.excerpt.split()))}\n", dim=True)


def _short(head: "Head") -> str:
    """As much of an id as tells it from others, most of the time."""
    return head.id.removeprefix("chat_")[:6]


for name, verb in (
    ("find", find),
    ("show", show),
    ("export", export),
    ("import", import_),
    ("rename", rename),
    ("rm", remove),
):
    app.command(name)(reported(verb))
