"""Conversations that are cut: whole turns, oldest first, never the instructions or the last."""

from ossia.harmony import Assistant, Developer, Message, System, User
from ossia.server.responses.truncation import shortened

HEAD: tuple[Message, ...] = (System(), Developer("Be brief."))
TURNS: tuple[Message, ...] = tuple(
    message
    for number in range(5)
    for message in (User(f"question {number}"), Assistant(f"answer {number}"))
)
LAST = User("last")


def cut(room: int) -> tuple[tuple[Message, ...], int]:
    return shortened((*HEAD, *TURNS, LAST), len, room)


def test_whole_turns_go_oldest_first() -> None:
    assert cut(13) == ((*HEAD, *TURNS, LAST), 0)
    for room, num_gone in ((12, 2), (11, 2), (10, 4), (5, 8), (4, 10), (3, 10)):
        kept, gone = cut(room)
        assert (kept, gone) == ((*HEAD, *TURNS[num_gone:], LAST), num_gone)


def test_the_last_turn_stays_also_where_it_is_too_long() -> None:
    assert cut(1) == ((*HEAD, LAST), 10)
    assert shortened(HEAD, len, 1) == (HEAD, 0)


def test_what_stands_before_the_first_question_is_a_turn_too() -> None:
    greeting = Assistant("Welcome.")
    assert shortened((*HEAD, greeting, LAST), len, 3) == ((*HEAD, LAST), 1)
