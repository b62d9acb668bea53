"""The context of /api/generate: there and back."""

import pytest

from ossia import hub
from ossia.base.errors import ConversationError
from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    ResponseFormat,
    System,
    User,
    render,
)
from ossia.server.ollama.context import context_ids, read_context
from ossia.tokenizer import Tokenizer, load_tokenizer

NANO = load_tokenizer(json=hub.EMBEDDED["nano"] / "tokenizer.json")


def test_what_was_said_comes_back() -> None:
    head = (System(), Developer("Be <|end|> brief."))
    said = (User("How\nare you?"), Assistant("Hm.", Channel.ANALYSIS), Assistant("Well."))
    ids = context_ids([*head, *said, User("안녕 <|start|>")], "Hello.", NANO)
    assert tuple(read_context(ids, NANO)) == (
        head[1],
        *(said[0], said[2]),
        User("안녕 <|start|>"),
        Assistant("Hello."),
    )


def test_a_format_belongs_to_its_request_alone() -> None:
    form = ResponseFormat("response", {"type": "object"})
    ids = context_ids([System(), Developer(None, (), form), User("?")], "{}", NANO)
    assert tuple(read_context(ids, NANO)) == (User("?"), Assistant("{}"))


def test_nothing_is_nothing() -> None:
    assert tuple(read_context([], NANO)) == ()


def test_a_long_conversation_is_read_in_one_go() -> None:
    said = [User("Hi"), Assistant("Hello.")] * 20_000
    assert list(read_context(render(said, NANO, for_completion=False), NANO)) == said


def start_of(tokenizer: Tokenizer) -> list[int]:
    return render([User("Hi")], tokenizer, for_completion=False)


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2, 3],
        [-1],
        [10**30],
        start_of(NANO)[:-1],
        start_of(NANO)[1:],
        render([System()], NANO, for_completion=False),
        render([Assistant("x", Channel.ANALYSIS)], NANO, for_completion=False),
    ],
)
def test_other_numbers_are_refused(ids: list[int]) -> None:
    with pytest.raises(ConversationError, match="context"):
        tuple(read_context(ids, NANO))
