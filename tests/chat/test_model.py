"""The whole stack: a model in files, a conversation in, events out."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.base.errors import (
    BackendError,
    ContextError,
    InputError,
    OssiaError,
    ResourceError,
    TokenizerError,
)
from ossia.chat import (
    ChatModel,
    Demands,
    Done,
    Event,
    Failed,
    Prefill,
    Reasoning,
    Settings,
    Terms,
    Text,
    ToolCall,
)
from ossia.checkpoint import SyntheticCheckpoint, SyntheticShape, TokenizerFiles
from ossia.checkpoint.write_hf import write_hf
from ossia.engine import Engine
from ossia.harmony import Channel, ParsedMessage, System, User, render, stop_token_ids
from ossia.ops.arrays import PAGE_SIZE

ASK = (System(), User("What is 27 + 58?"))
GREEDY = Settings(temperature=0)
RAW = Demands(is_enveloped=False)
"""The model says what it wants: a script, or what random weights make up."""


def answer(
    model: ChatModel, settings: Settings | None = None, demands: Demands = RAW
) -> list[Event]:
    events = list(model.respond(ASK, settings, demands))
    assert_frees_everything(model)
    return events


def assert_frees_everything(model: ChatModel) -> None:
    def check(engine: Engine) -> None:
        engine.check_integrity()
        assert engine.num_running == engine.num_waiting == 0

    model.service.inspect(check).result()


def test_reasoning_and_answer_come_as_their_own_events(scripted) -> None:
    model = scripted("<|channel|>analysis<|message|>Hm?<|end|>42!<|return|>")
    *events, done = answer(model, Settings(temperature=0, seed=7))
    assert events[:3] == [Reasoning("H"), Reasoning("m"), Reasoning("?")]
    assert all(isinstance(event, Text) for event in events[3:])
    assert "".join(event.text for event in events[3:]) == "42!"
    assert isinstance(done, Done)
    assert done.messages == (
        ParsedMessage(Channel.ANALYSIS, None, None, "Hm?"),
        ParsedMessage(Channel.FINAL, None, None, "42!"),
    )
    assert done.repairs == ("missing_start", "missing_channel", "missing_message")
    assert (done.reason, done.seed) == ("stop", 7)


def test_tokens_are_counted(scripted, encode_output) -> None:
    script = "<|channel|>analysis<|message|>Hm?<|end|>42!<|return|>"
    model = scripted(script)
    done = answer(model, GREEDY)[-1]
    assert isinstance(done, Done)
    assert done.usage.prompt_tokens == len(render(ASK, model.tokenizer))
    assert done.usage.reasoning_tokens == 3  # H, m and ?
    assert done.usage.completion_tokens == len(encode_output(model.tokenizer, script))
    assert done.timings.prefill_seconds > 0
    assert done.timings.decode_seconds > 0


def test_a_well_formed_answer_needs_no_repair(scripted) -> None:
    *events, done = answer(scripted("<|channel|>final<|message|>42!<|return|>"), GREEDY)
    assert events == [Text("4"), Text("2"), Text("!")]
    assert isinstance(done, Done)
    assert (done.repairs, done.reason, done.usage.reasoning_tokens) == ((), "stop", 0)


def test_a_call_comes_with_its_tool(scripted) -> None:
    *events, done = answer(scripted(" to=x<|message|>{}<|call|>"), GREEDY)
    assert events == [ToolCall("x", ""), ToolCall("x", "{"), ToolCall("x", "}")]
    assert isinstance(done, Done)
    assert done.messages == (ParsedMessage(Channel.COMMENTARY, "x", None, "{}"),)
    assert done.reason == "tool_call"


def test_max_tokens_ends_an_answer_and_loses_none_of_it(scripted) -> None:
    model = scripted("<|channel|>final<|message|>42!<|return|>")
    texts = []
    for max_tokens in range(1, 9):
        *events, done = answer(model, Settings(temperature=0, max_tokens=max_tokens))
        assert isinstance(done, Done)
        assert done.usage.completion_tokens == max_tokens
        assert done.reason == "length"
        texts.append("".join(event.text for event in events if isinstance(event, Text)))
    assert texts == ["", "", "", "", "", "", "4", "42"]


random_settings = st.builds(
    Settings,
    temperature=st.sampled_from([0.0, 0.7, 1.0, 3.0]),
    top_p=st.sampled_from([0.5, 1.0]),
    top_k=st.sampled_from([0, 5]),
    min_p=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 2**64 - 1),
    max_tokens=st.integers(1, 60),
)


@given(random_settings, st.booleans())
@settings(max_examples=25)
def test_random_weights_end_in_one_done(model, chosen, is_enveloped) -> None:
    events = answer(model, chosen, Demands(is_enveloped=is_enveloped))
    assert [isinstance(event, Done) for event in events] == [False] * (len(events) - 1) + [True]
    done = events[-1]
    said = "".join(event.text for event in events[:-1])
    assert said == "".join(message.text for message in done.messages)
    assert not any(name in said for name in model.tokenizer.specials)
    assert done.usage.reasoning_tokens <= done.usage.completion_tokens <= chosen.max_tokens
    json.dumps([event.to_json() for event in events])


def test_the_same_seed_gives_the_same_answer_and_a_drawn_seed_is_told(model) -> None:
    drawn = answer(model, Settings(max_tokens=20))
    assert isinstance(drawn[-1], Done)
    again = answer(model, Settings(max_tokens=20, seed=drawn[-1].seed))
    assert again[:-1] == drawn[:-1]
    assert again[-1].messages == drawn[-1].messages


def test_a_long_conversation_says_how_far_it_is_read(model) -> None:
    long = (User("word " * 260),)
    num_tokens = len(render(long, model.tokenizer))
    events = list(model.respond(long, Settings(max_tokens=1)))
    progress = [event for event in events if isinstance(event, Prefill)]
    assert progress == [Prefill(512, num_tokens), Prefill(1024, num_tokens)]
    assert events[:2] == progress
    assert isinstance(events[-1], Done)


@pytest.fixture
def in_step(monkeypatch) -> None:
    """The engine is never far ahead of who reads."""
    monkeypatch.setattr("ossia.engine.service.MAX_LAG", 2)


@pytest.mark.usefixtures("in_step")
@pytest.mark.parametrize("num_events", [1, 2, 3])
def test_closing_the_answer_frees_its_pages(model, num_events) -> None:
    events = model.respond((User("word " * 260),), Settings(temperature=3.0, seed=0))
    for _ in range(num_events):
        assert not isinstance(next(events), Done | Failed)
    assert model.service.inspect(lambda engine: engine.num_running).result() == 1
    events.close()
    assert_frees_everything(model)
    assert list(events) == []
    assert isinstance(answer(model, Settings(max_tokens=3))[-1], Done)


async def collect(model: ChatModel, settings: Settings) -> list[Event]:
    return [event async for event in model.arespond(ASK, settings, RAW)]


def without_progress(events: list[Event]) -> list[Event]:
    """All but ``Done``, whose timings are never the same, and how far a prompt was meanwhile."""
    return [event for event in events[:-1] if not isinstance(event, Prefill)]


def test_many_at_once_get_what_each_gets_alone(model) -> None:
    asked = [Settings(seed=seed, max_tokens=30) for seed in range(8)]
    alone = [without_progress(answer(model, settings)) for settings in asked]

    async def ask_all() -> list[list[Event]]:
        return await asyncio.gather(*(collect(model, settings) for settings in asked))

    with ThreadPoolExecutor(len(asked) + 1) as threads:
        in_loop = threads.submit(asyncio.run, ask_all())
        in_threads = list(threads.map(lambda each: list(model.respond(ASK, each, RAW)), asked))
    for events in (in_threads, in_loop.result()):
        assert [without_progress(each) for each in events] == alone
        assert all(isinstance(each[-1], Done) for each in events)
    assert_frees_everything(model)


def test_an_answer_in_an_event_loop_stops_with_its_reader(model) -> None:
    async def ask() -> None:
        long = (User("word " * 260),)
        async with aclosing(model.arespond(long, Settings(temperature=3.0, seed=1))) as events:
            await anext(events)
        task = asyncio.create_task(collect(model, Settings(temperature=3.0, seed=1)))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [failed] = [event async for event in model.arespond((User("word " * 500),))]
        assert isinstance(failed, Failed)

    asyncio.run(ask())
    assert_frees_everything(model)


def test_what_an_earlier_conversation_began_with_is_not_computed_again(model) -> None:
    first = (System(), User("Many words. " * 30))
    *_, done = model.respond(first, Settings(temperature=3.0, max_tokens=5), RAW)
    assert isinstance(done, Done)
    *_, again = model.respond((*first, User("And?")), Settings(max_tokens=1), RAW)
    assert isinstance(again, Done)
    shared = len(render(first, model.tokenizer))
    assert shared - 2 * PAGE_SIZE < again.usage.cached_tokens <= shared
    *_, stopped = model.respond(first, GREEDY, Demands(stop=("a", "e", "n"), is_enveloped=False))
    assert isinstance(stopped, Done)
    assert stopped.usage.cached_tokens > shared - 2 * PAGE_SIZE


def test_messages_begin_at_the_boundaries(model) -> None:
    request = model._request(ASK, GREEDY, RAW, Terms("me", 2, 3.0))
    start = model.tokenizer.special("<|start|>")
    assert request.boundary_ids == {start}
    assert request.prompt_ids.count(start) == 3  # system, user, and the answer
    assert (request.client, request.priority, request.timeout) == ("me", 2, 3.0)


@pytest.mark.usefixtures("in_step")
def test_an_answer_whose_time_is_over_keeps_what_was_said(model) -> None:
    settings = Settings(temperature=3.0, seed=0)
    answering = model.respond(ASK, settings, RAW, Terms(timeout=0.5))
    first = next(answering)
    time.sleep(0.6)
    *events, done = (first, *answering)
    assert isinstance(done, Done)
    assert done.reason == "deadline"
    assert "".join(event.text for event in events) == "".join(m.text for m in done.messages)
    with pytest.raises(InputError, match="timeout"):
        Terms(timeout=0)


@pytest.mark.usefixtures("in_step")
def test_a_model_that_closes_cuts_its_answers_and_takes_no_more(folder) -> None:
    with ChatModel.load(str(folder), context=2048) as model:
        events = model.respond(ASK, Settings(temperature=3.0, seed=0), RAW)
        first = next(events)
    *rest, done = events
    assert isinstance(done, Done)
    assert done.reason == "closed"
    said = "".join(event.text for event in (first, *rest))
    assert said == "".join(message.text for message in done.messages)
    [failed] = model.respond(ASK)
    assert isinstance(failed, Failed)
    assert "closed" in failed.message
    asyncio.run(model.aclose())


def test_a_conversation_longer_than_the_context_fails_in_words(model) -> None:
    events = list(model.respond((User("word " * 500),)))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert isinstance(events[0].error, ContextError)
    assert "tokens long and the context holds 2048" in events[0].message
    assert_frees_everything(model)


def test_the_context_ends_an_answer(folder) -> None:
    model = ChatModel.load(str(folder), context=400)
    done = answer(model, Settings(temperature=0))[-1]
    assert isinstance(done, Done)
    used = done.usage.prompt_tokens + done.usage.completion_tokens
    assert used == 400 or done.reason == "stop"
    assert model.context == 400


def test_a_model_is_loaded_with_all_its_parts(model, folder) -> None:
    assert model.source.path == folder
    assert model.config.num_layers == 2
    assert model.backend.reason
    assert model.tokenizer.specials["<|start|>"] not in stop_token_ids(model.tokenizer)
    without = ChatModel.load(str(folder))
    assert 1 <= without.context <= without.config.max_context


@pytest.mark.parametrize("context", [-1, 0, 1, 131_073])
def test_a_context_that_the_model_has_not_is_refused(folder, context) -> None:
    with pytest.raises(InputError, match=rf"context of {context} tokens .* 2 to 131072"):
        ChatModel.load(str(folder), context=context)


def test_a_context_that_memory_has_not_is_refused(folder, monkeypatch) -> None:
    monkeypatch.setattr("ossia.engine.memory.available_memory", lambda: 1 << 20)
    with pytest.raises(ResourceError, match=r"a context of 100000 tokens needs .* GiB"):
        ChatModel.load(str(folder), context=100_000)


def test_names_and_backends_that_are_none_are_refused(folder) -> None:
    with pytest.raises(InputError, match="no model 'nobody'"):
        ChatModel.load("nobody")
    with pytest.raises(BackendError, match="no backend 'abacus'"):
        ChatModel.load(str(folder), backend="abacus")


def test_vocabularies_without_harmony_fail_in_words(tmp_path: Path, write_vocabulary) -> None:
    shape = SyntheticShape.parse("1x64x4x2x1x288")
    files = TokenizerFiles(json=write_vocabulary(["<|endoftext|>"]))
    write_hf(SyntheticCheckpoint(shape, tokenizer=files), tmp_path / "model")
    with pytest.raises(TokenizerError, match="no special token"):
        ChatModel.load(str(tmp_path / "model"), context=64)


def test_a_checkpoint_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    shape = SyntheticShape.parse("1x64x4x2x1x288")
    write_hf(SyntheticCheckpoint(shape), tmp_path / "model")
    with pytest.raises(OssiaError, match=r"tokenizer\.json"):
        ChatModel.load(str(tmp_path / "model"), context=64)


def test_memory_that_runs_out_fails_in_words_and_frees_the_pages(model, monkeypatch) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ossia.engine.engine.forward", run_out)
    events = answer(model)
    [failed] = events
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ResourceError)
    assert "more memory than is free" in failed.message


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"top_p": 3},
        {"top_k": -1},
        {"min_p": 2},
        {"seed": -1},
        {"max_tokens": 0},
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_asked(values) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        Settings(**values)
