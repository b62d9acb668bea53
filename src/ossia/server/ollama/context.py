"""The ``context`` of ``/api/generate``: a conversation as numbers that the client hands back.

They are the ids of the conversation's tokens as harmony writes it, without reasoning and without
the system message, which every request gets anew. Knows harmony's frame; knows no HTTP.
"""

from collections.abc import Iterator, Sequence

from ossia.base.errors import ConversationError
from ossia.harmony import Assistant, Channel, Developer, Message, Role, User, render
from ossia.harmony.special import CHANNEL, END, MESSAGE, START
from ossia.tokenizer import Tokenizer

_INSTRUCTIONS = "# Instructions\n\n"
_FINAL = f"{Role.ASSISTANT}{CHANNEL}{Channel.FINAL}"


def context_ids(messages: Sequence[Message], answer: str, tokenizer: Tokenizer) -> list[int]:
    """The context after an answer."""
    return render([*_kept(messages), Assistant(answer)], tokenizer, for_completion=False)


def read_context(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[Message]:
    """What was said before.

    Raises:
        ConversationError: the ids are no context that this model's server gave.
    """
    start, middle, end = (tokenizer.special(name) for name in (START, MESSAGE, END))
    position = 0
    while position < len(ids):
        try:
            body = ids.index(middle, position)
            stop = ids.index(end, body)
        except ValueError:
            raise _refusal() from None
        if ids[position] != start:
            raise _refusal()
        text = tokenizer.decode(ids[body + 1 : stop])
        yield _message(tokenizer.decode(ids[position + 1 : body]), text)
        position = stop + 1


def _kept(messages: Sequence[Message]) -> Iterator[Message]:
    for message in messages:
        match message:
            case Developer(str(instructions)):
                yield Developer(instructions)
            case User() | Assistant(channel=Channel.FINAL):
                yield message


def _message(header: str, text: str) -> Message:
    match header:
        case Role.USER:
            return User(text)
        case Role.DEVELOPER if text.startswith(_INSTRUCTIONS):
            return Developer(text.removeprefix(_INSTRUCTIONS))
        case _ if header == _FINAL:
            return Assistant(text)
    raise _refusal()


def _refusal() -> ConversationError:
    return ConversationError(
        "context: expected the numbers that /api/generate gave with an earlier answer of the same "
        "model, or none"
    )
