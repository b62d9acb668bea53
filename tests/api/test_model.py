"""The Python API on nano, as a script uses it."""

import asyncio
import doctest
import inspect
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

import ossia
from ossia.api import model as model_module
from ossia.api import talk as talk_module
from ossia.base.errors import InputError
from ossia.chat import Done, Reason, Text

SUM = "What is 27 + 58?"
ANSWER = "27 + 58 = 85"


def test_a_question_is_answered(model) -> None:
    reply = model.chat(SUM, seed=1)
    assert str(reply) == reply.text == ANSWER
    assert "answer 85" in reply.reasoning
    assert reply.reason is Reason.STOP
    assert reply.usage.completion_tokens > 20
    assert model.chat(SUM, seed=reply.seed).messages == reply.messages


@pytest.mark.parametrize(
    "said",
    [
        [ossia.User(SUM)],
        [{"role": "user", "content": SUM}],
        [ossia.System(current_date="2026-01-01"), ossia.User(SUM)],
    ],
)
def test_a_conversation_may_be_written_in_several_ways(model, said) -> None:
    assert model.chat(said, seed=1).text == ANSWER


def test_instructions_become_the_developer_message(model) -> None:
    reply = model.chat(SUM, system="Answer in one line.", seed=1)
    dicts = [{"role": "system", "content": "Answer in one line."}, {"role": "user", "content": SUM}]
    again = model.chat(dicts, seed=1)
    assert reply.usage.prompt_tokens == again.usage.prompt_tokens
    assert reply.messages == again.messages


def test_events_come_one_by_one_and_may_be_left(model) -> None:
    with closing(model.stream(SUM, seed=1)) as events:
        assert "".join(e.text for e in events if isinstance(e, Text)) == ANSWER
    with closing(model.stream(SUM, seed=1)) as events:
        next(events)
    assert model.chat(SUM, seed=1).text == ANSWER


def test_a_batch_keeps_its_order_and_loses_nothing(model) -> None:
    questions = [f"What is {n} + 1?" for n in range(20, 28)]
    questions.insert(3, "word " * 9000)
    replies = model.batch(questions, seed=1, at_once=4)
    assert isinstance(replies.pop(3), InputError)
    assert [str(reply) for reply in replies] == [f"{n} + 1 = {n + 1}" for n in range(20, 28)]


def test_choices_have_seeds_of_their_own(model) -> None:
    choices = model.choices("Tell me something.", 3, seed=5)
    assert [choice.seed for choice in choices] == [5, 6, 7]
    assert [model.chat("Tell me something.", seed=c.seed).text for c in choices] == [
        choice.text for choice in choices
    ]


def test_everything_has_a_twin_for_event_loops(model) -> None:
    async def main() -> None:
        assert (await model.achat(SUM, seed=1)).text == ANSWER
        said = [e.text async for e in model.astream(SUM, seed=1) if isinstance(e, Text)]
        assert "".join(said) == ANSWER
        talk = model.talk(seed=1)
        assert (await talk.aask(SUM)).text == ANSWER
        replies = await model.abatch([SUM, "word " * 9000, SUM], seed=1)
        assert [type(reply).__name__ for reply in replies] == [
            "Reply",
            "ContextError",
            "Reply",
        ]
        # As in a notebook, whose loop runs while a cell is computed:
        assert model.chat(SUM, seed=1).text == ANSWER

    asyncio.run(main())


def test_threads_may_ask_at_the_same_time(model) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(model.chat(SUM, seed=1).text))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ANSWER] * 6


def test_an_answer_has_the_form_that_is_asked_for(model) -> None:
    schema = {"type": "object", "properties": {"ok": {"const": True}}, "required": ["ok"]}
    schema |= {"additionalProperties": False}
    reply = model.chat(SUM, schema=schema, seed=2, reasoning_limit=0)
    assert reply.parsed == {"ok": True}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 1}, "no option 'temprature'.*temperature"),
        ({"effort": "huge"}, "no effort 'huge'; expected low, medium, high"),
        ({"temperature": -1}, "temperature must be at least 0"),
        ({"temperature": "hot"}, "temperature is 'hot'; expected a number"),
        ({"max_tokens": 1.5}, "max_tokens is 1.5; expected a whole number or None"),
        ({"system": 3}, "system is 3; expected text or None"),
        ({"logit_bias": [1]}, "logit_bias is .1.; expected mapping"),
        ({"reasoning_limit": "a"}, "reasoning_limit is 'a'"),
        ({"effort": 3}, "effort is 3; expected text"),
        ({"tools": [dict, dict]}, "cannot be a tool"),
        ({"tools": [ossia.Tool("a"), ossia.Tool("a")]}, "two tools are called 'a'"),
        ({"tools": [lambda x: x]}, "every argument needs a name and a type"),
        ({"schema": lambda: 0}, "no schema can be made"),
        ({"schema": {"not": {}}}, "not"),
        ({"tool_choice": "nobody"}, "offers no tool"),
        ({"stop": ""}, "stop string is empty"),
    ],
)
def test_what_cannot_be_is_refused_in_words(model, options, words) -> None:
    with pytest.raises(InputError, match=words):
        model.chat(SUM, **options)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "no message"),
        ([{"role": "user"}], "is no message"),
        ([{"role": "robot", "content": "x"}], "is no message"),
        ([{"role": "user", "content": "x", "name": "y"}], "is no message"),
        ([3], "is no message"),
    ],
)
def test_what_is_no_conversation_is_refused(model, said, words) -> None:
    with pytest.raises(InputError, match=words):
        model.chat(said)


def test_instructions_are_given_once(model) -> None:
    with pytest.raises(InputError, match="developer message"):
        model.chat([ossia.Developer("a"), ossia.User("b")], system="c")
    with pytest.raises(InputError, match="effort is in the system message"):
        model.chat([ossia.System(), ossia.User("b")], effort="low")


def test_a_notebook_shows_the_reasoning_in_a_fold(model) -> None:
    shown = model.chat(SUM, seed=1)._repr_markdown_()
    assert shown.startswith("<details>")
    assert shown.endswith(ANSWER)


def test_a_closed_model_says_so() -> None:
    loaded = ossia.load("nano", context=256)
    loaded.close()
    with pytest.raises(ossia.OssiaError, match="closed"):
        loaded.chat("Hi")


def test_ctrl_c_stops_anything_and_the_model_goes_on() -> None:
    script = textwrap.dedent("""
        import asyncio, os, ossia
        model = ossia.load("nano", context=2048)
        long = "Tell me something long."
        ids = model.encode("27 + 58, " * 150)
        for ask in (
            lambda: model.chat(long),
            lambda: list(model.stream(long)),
            lambda: model.talk().ask(long),
            lambda: model.choices(long, 4),
            lambda: model.batch([long] * 64, at_once=8),
            lambda: model.generate(ids),
            lambda: list(model.stream_tokens(ids)),
            lambda: model.score(ids),
            lambda: asyncio.run(model.achat(long)),
            lambda: asyncio.run(model.abatch([long] * 64)),
            lambda: asyncio.run(model.agenerate(ids)),
        ):
            try:
                os.write(1, b"asking\\n")
                while True:
                    ask()
            except KeyboardInterrupt:
                pass
            assert str(model.chat("What is 27 + 58?", seed=1)) == "27 + 58 = 85"
            assert model.chat_model.service.inspect(lambda e: e.has_work).result() is False
        print("all stopped")
    """)
    command = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline()) == "asking\n":
            time.sleep(0.15)  # somewhere in the middle
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, line, err) == (0, "all stopped\n", "")


@pytest.mark.parametrize("module", [model_module, talk_module, ossia])
def test_examples_in_docstrings_are_true(model, module) -> None:
    found = doctest.testmod(module, extraglobs={"model": model, "ossia": ossia})
    assert found.attempted > 0
    assert found.failed == 0


def test_the_page_about_python_is_true(model) -> None:
    page = Path(__file__).parents[2] / "docs" / "python.md"
    found = doctest.testfile(str(page), module_relative=False, globs={"model": model})
    assert found.attempted > 10
    assert found.failed == 0


def test_names_are_found_when_they_are_asked_for() -> None:
    code = "import sys, ossia; print([n for n in sys.modules if n.startswith('ossia.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ossia.base', 'ossia.base.version']"
    assert set(dir(ossia)) >= {"load", "Model", "User", "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = ossia.lod


def test_done_is_the_last_event(model) -> None:
    assert isinstance(list(model.stream(SUM, seed=1))[-1], Done)


def test_logprobs_stand_beside_the_text(model) -> None:
    reply = model.chat(SUM, seed=1, num_logprobs=2)
    assert b"".join(token.spelling for token in reply.tokens).decode() == ANSWER
    assert all(len(token.top) == 2 and token.logprob <= 0 for token in reply.tokens)
    assert model.chat(SUM, seed=1).tokens == ()


def test_a_batch_of_one_wrong_thing_or_of_none(model) -> None:
    assert model.batch([]) == asyncio.run(model.abatch([])) == []
    replies = model.batch([SUM, [], [{"role": "robot"}]], seed=1)
    assert [type(reply).__name__ for reply in replies] == ["Reply", "InputError", "InputError"]
    assert replies[0].text == ANSWER
    with pytest.raises(InputError, match="a list of questions"):
        model.batch("What?")


@pytest.mark.parametrize(
    ("options", "words"), [({"at_once": 0}, "at_once"), ({"temprature": 1}, "temprature")]
)
def test_options_of_a_batch_are_refused_for_all_at_once(model, options, words) -> None:
    with pytest.raises(InputError, match=words):
        model.batch([SUM], **options)
    with pytest.raises(InputError, match=words):
        asyncio.run(model.abatch([SUM], **options))


def test_a_generator_of_questions_is_a_batch(model) -> None:
    replies = model.batch((f"What is {n} + 1?" for n in (20, 21)), seed=1)
    assert [str(reply) for reply in replies] == ["20 + 1 = 21", "21 + 1 = 22"]


def test_choices_are_the_same_in_an_event_loop(model) -> None:
    found = asyncio.run(model.achoices(SUM, 2, seed=5))
    assert [choice.messages for choice in found] == [
        choice.messages for choice in model.choices(SUM, 2, seed=5)
    ]
    assert [choice.seed for choice in model.choices(SUM, 2, seed=2**64 - 1)] == [2**64 - 1, 0]
    with pytest.raises(InputError, match="number of choices"):
        model.choices(SUM, 0)


def test_whatever_asks_has_a_twin() -> None:
    for kind in (ossia.Model, ossia.Talk):
        names = {name for name, value in vars(kind).items() if inspect.isfunction(value)}
        plain = {"encode", "decode", "talk", "close", "events", "aevents"}
        asking = {name for name in names if not name.startswith("_")} - plain
        twins = {name for name in asking if f"a{name}" in asking}
        assert asking == twins | {f"a{name}" for name in twins}
        for name in twins:
            ours, theirs = (inspect.signature(vars(kind)[n]) for n in (name, f"a{name}"))
            assert list(ours.parameters.values()) == list(theirs.parameters.values()), name


def test_editors_see_the_names_that_are_loaded_late() -> None:
    text = Path(ossia.__file__).read_text(encoding="utf-8")
    pairs = set(re.findall(r"    from ([\w.]+) import (\w+) as \2", text))
    assert pairs == {(room, name) for room, names in ossia._ROOMS.items() for name in names}
    for name in dir(ossia):
        assert getattr(ossia, name) is not None


def test_every_name_is_in_the_reference() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "python.md"
    headings = re.findall(r"^## ossia\.(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(set(dir(ossia)) - {"__version__"})


def test_a_model_tells_what_it_is(model) -> None:
    assert repr(model).startswith("<ossia.Model nano: 4096 tokens of context, backend ")


def test_a_model_that_is_nowhere_is_told_in_words() -> None:
    with pytest.raises(ossia.InputError, match="nowhere"):
        ossia.load("nowhere-at-all")
