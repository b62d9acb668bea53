"""Texts that go on, token by token, on nano."""

import asyncio
from contextlib import aclosing, closing

import pytest

from ossia.base.errors import ContextError, InputError
from ossia.chat import Reason

KOREAN = "안녕하세요 🎼, 27 + 58"


def test_a_text_is_continued(model) -> None:
    prompt = [*model.encode("27 + 58")]
    made = model.generate(prompt, max_tokens=6, temperature=0, num_logprobs=2)
    assert len(made.tokens) == 6
    assert made.reason is Reason.LENGTH
    assert str(made) == "".join(token.text for token in made.tokens)
    assert all(token.logprob == token.top[0][1] <= 0 for token in made.tokens)
    assert asyncio.run(model.agenerate(prompt, max_tokens=6, temperature=0)).text == made.text


def test_a_text_is_scored_as_it_would_be_continued(model) -> None:
    made = model.generate("27 + 58", max_tokens=6, temperature=0, num_logprobs=1)
    ids = [*model.encode("27 + 58"), *(token.token_id for token in made.tokens)]
    scored = model.score(ids, num_top=1)
    assert scored[0].logprob is None
    assert [(t.token_id, t.logprob, t.top) for t in scored[-6:]] == [
        (t.token_id, t.logprob, t.top) for t in made.tokens
    ]


def test_conversations_options_do_not_belong_to_texts(model) -> None:
    with pytest.raises(InputError, match="schema is for conversations"):
        model.generate("x", schema={})


def test_a_stream_is_what_generate_collects(model) -> None:
    options = {"max_tokens": 12, "seed": 4, "num_logprobs": 1}
    made = model.generate("27 + 58", **options)
    assert tuple(model.stream_tokens("27 + 58", **options)) == made.tokens

    async def main() -> None:
        async with aclosing(model.astream_tokens("27 + 58", **options)) as tokens:
            assert tuple([token async for token in tokens]) == made.tokens

    asyncio.run(main())


def test_a_stream_may_be_left(model) -> None:
    with closing(model.stream_tokens("27 + 58", seed=4)) as tokens:
        first = next(tokens)
    assert first == model.generate("27 + 58", seed=4, max_tokens=1).tokens[0]


def test_a_seed_is_drawn_told_and_gives_the_same_again(model) -> None:
    drawn = [model.generate("27 + 58", max_tokens=16) for _ in range(3)]
    assert len({made.seed for made in drawn}) == 3
    assert len({made.text for made in drawn}) > 1
    again = model.generate("27 + 58", max_tokens=16, seed=drawn[0].seed)
    assert again.token_ids == drawn[0].token_ids


def test_usage_counts_prompt_and_text(model) -> None:
    made = model.generate("27 + 58", max_tokens=5, temperature=0)
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (6, 5)


def test_a_stop_string_ends_a_text_and_is_no_part_of_it(model) -> None:
    whole = model.generate("27 + 58", seed=4, max_tokens=24)
    stop = whole.text[5:8]
    made = model.generate("27 + 58", seed=4, max_tokens=24, stop=stop)
    assert made.reason is Reason.STOP_STRING
    assert made.text == whole.text[: whole.text.index(stop)]
    assert made.tokens == whole.tokens[: len(made.tokens)]
    assert stop in "".join(token.text for token in made.tokens)


def test_what_might_have_been_a_stop_string_is_given_at_the_end(model) -> None:
    whole = model.generate("27 + 58", seed=4, max_tokens=24)
    assert (
        model.generate("27 + 58", seed=4, max_tokens=24, stop=whole.text + "!").text == whole.text
    )


def test_a_control_token_ends_a_text_and_others_are_shown_by_name(model) -> None:
    start, end = (model.chat_model.tokenizer.special(f"<|{name}|>") for name in ("start", "return"))
    made = model.generate("27", max_tokens=3, temperature=0, logit_bias={start: 100})
    assert made.text == "<|start|>" * 3
    made = model.generate("27", temperature=0, logit_bias={end: 100})
    assert (made.text, made.token_ids, made.reason) == ("", [end], Reason.STOP)


def test_scored_texts_joined_are_the_text(model) -> None:
    ids = model.encode(KOREAN)
    assert len(ids) > len(KOREAN.split())
    scored = model.score(KOREAN, num_top=2)
    assert "".join(token.text for token in scored) == KOREAN
    assert [token.token_id for token in scored] == ids
    assert scored == model.score(ids, num_top=2) == asyncio.run(model.ascore(KOREAN, num_top=2))
    assert all(len(token.top) == 2 for token in scored[1:])


def test_scoring_stops_before_anything_is_made(model) -> None:
    end = model.chat_model.tokenizer.special("<|return|>")
    scored = model.score([*model.encode("27"), end, *model.encode("8")])
    assert [token.text for token in scored][-2:] == ["<|return|>", "8"]


def test_ids_may_be_numpys(model) -> None:
    numpy = pytest.importorskip("numpy")
    ids = model.encode("27 + 58")
    assert model.score(numpy.array(ids)) == model.score(ids)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "prompt is empty"),
        ([], "prompt is empty"),
        (3, "is no prompt"),
        (None, "is no prompt"),
        ([1.5], "is no prompt"),
        (["a"], "is no prompt"),
        ([-1], "token id"),
        ([10**9], "token id"),
    ],
)
def test_what_is_no_prompt_is_refused_in_words(model, prompt, words) -> None:
    with pytest.raises(InputError, match=words):
        model.generate(prompt)
    with pytest.raises(InputError, match=words):
        model.score(prompt)
    with pytest.raises(InputError, match=words):
        asyncio.run(model.agenerate(prompt))


def test_a_prompt_that_fills_the_context_is_refused(model) -> None:
    with pytest.raises(ContextError):
        model.generate("word " * 9000)
    with pytest.raises(ContextError):
        model.score("word " * 9000)
