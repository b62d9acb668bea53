"""The Python API on nano, as a script uses it."""

import asyncio
import doctest
import signal
import subprocess
import sys
import textwrap
import threading
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


def test_ctrl_c_stops_a_batch_and_the_model_goes_on() -> None:
    script = textwrap.dedent("""
        import os, ossia
        model = ossia.load("nano", context=2048)
        try:
            os.write(1, b"asking\\n")
            while True:
                model.batch(["Tell me something long."] * 64, at_once=8)
        except KeyboardInterrupt:
            print(model.chat("What is 27 + 58?", seed=1))
    """)
    command = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, f"{ANSWER}\n", "")


@pytest.mark.parametrize("module", [model_module, talk_module, ossia])
def test_examples_in_docstrings_are_true(model, module) -> None:
    found = doctest.testmod(module, extraglobs={"model": model})
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
