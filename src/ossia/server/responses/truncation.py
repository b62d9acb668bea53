"""Conversations that are longer than the context, where a client asked for them to be cut. Pure.

What goes is the oldest turn, whole; instructions and tools stay, and so does the last turn.
"""

from collections.abc import Callable, Sequence

from ossia.harmony import Developer, Message, System, User

Messages = tuple[Message, ...]


def shortened(
    messages: Sequence[Message], count: Callable[[Messages], int], room: int
) -> tuple[Messages, int]:
    """The conversation within ``room`` tokens, or its last turn; and how many messages went.

    Args:
        count: the tokens of a conversation.
    """
    turns = _turns(messages)
    head, *said = turns

    def left(num_gone: int) -> Messages:
        return tuple(message for turn in (head, *said[num_gone:]) for message in turn)

    fewest, most = 0, max(len(said) - 1, 0)
    while fewest < most:
        middle = (fewest + most) // 2
        if count(left(middle)) <= room:
            most = middle
        else:
            fewest = middle + 1
    kept = left(fewest)
    return kept, len(messages) - len(kept)


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """The beginning, which is not a turn; then what follows each question up to the next."""
    turns: list[list[Message]] = [[]]
    for message in messages:
        is_head = len(turns) == 1 and isinstance(message, System | Developer)
        if isinstance(message, User) or (len(turns) == 1 and not is_head):
            turns.append([])
        turns[-1].append(message)
    return turns
