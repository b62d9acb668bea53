"""Tokens beside the text that they make: of random weights, of nano, and of text that waits."""

import math

import pytest

from ossia.chat import ChatModel, Citation, Demands, Done, ScoredToken, Settings, Text
from ossia.chat.scores import Scores
from ossia.engine import Logprobs, Token
from ossia.harmony import Effort, System, User
from ossia.tokenizer import load_tokenizer

SUM = (System(Effort.LOW), User("What is 27 + 58?"))


@pytest.fixture(scope="module")
def nano() -> ChatModel:
    return ChatModel.load("nano", context=1024)


def said(model: ChatModel, settings: Settings, stop: tuple[str, ...] = ()):
    *events, done = model.respond(SUM, settings, Demands(stop=stop))
    assert isinstance(done, Done), done
    told = [event for event in events if isinstance(event, Text | Citation)]
    return "".join(e.text for e in told), [token for e in told for token in e.tokens]


def test_tokens_spell_the_answer(nano) -> None:
    text, tokens = said(nano, Settings(temperature=0, num_logprobs=3))
    assert b"".join(token.spelling for token in tokens).decode() == text != ""
    for token in tokens:
        assert token.logprob <= 0
        assert len(token.top) == 3
        assert token.top[0] == (token.spelling, token.logprob)  # it is greedy
        assert sum(math.exp(logprob) for _, logprob in token.top) <= 1.0001


def test_nothing_comes_where_nothing_is_asked(nano) -> None:
    text, tokens = said(nano, Settings(temperature=0))
    assert text
    assert tokens == []


def test_none_beside_a_token_is_its_own_only(nano) -> None:
    _, tokens = said(nano, Settings(temperature=0, num_logprobs=0))
    assert tokens
    assert all(token.top == () for token in tokens)


def test_the_answer_is_the_same_with_and_without(nano) -> None:
    settings = Settings(seed=5, max_tokens=60)
    assert said(nano, settings)[0] == said(nano, Settings(seed=5, max_tokens=60, num_logprobs=2))[0]


def test_tokens_of_a_stop_string_are_not_told(nano) -> None:
    whole, _ = said(nano, Settings(temperature=0))
    assert "8" in whole
    text, tokens = said(nano, Settings(temperature=0, num_logprobs=0), ("8",))
    assert text == whole[: whole.index("8")]
    assert b"".join(token.spelling for token in tokens).decode().startswith(text)
    assert all(not token.spelling.startswith(b"8") for token in tokens)


def test_text_that_waits_has_the_tokens_that_begin_in_it(harmony_json) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    scores = Scores(tokenizer)
    ids = [tokenizer.encode(text)[0] for text in "abc"]
    for token_id, text in zip(ids, "abc", strict=True):
        scores.add(Token(token_id, Logprobs(-1.0)), text)
    scores.add(Token(tokenizer.special("<|end|>"), Logprobs(-2.0)), "")
    assert scores.take("ab") == (ScoredToken(b"a", -1.0), ScoredToken(b"b", -1.0))
    assert scores.take("") == ()
    assert scores.take("c") == (ScoredToken(b"c", -1.0),)
    scores.add(Token(ids[0], Logprobs(-1.0)), "a")
    scores.clear()
    assert scores.take("b") == ()
