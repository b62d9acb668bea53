"""``ossia run`` with a prompt: pipes, flags, failures, Ctrl-C; all in real processes."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def num_prompt_tokens(done: subprocess.CompletedProcess[str]) -> int:
    number: int = events(done)[-1]["usage"]["prompt_tokens"]
    return number


def test_a_pipe_gets_the_answer_and_nothing_else(ossia: Run, model: Path) -> None:
    done = ossia("run", model, "--seed", 4, "--max-tokens", 30, "hi")
    assert done.returncode == 0
    assert done.stdout.endswith("\n")
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr.startswith("(cut off after 30 tokens")


def test_standard_input_is_the_prompt_or_joins_it(ossia: Run, model: Path) -> None:
    flags = ("run", model, "--json", "--seed", 5, "--max-tokens", 2)
    alone, joined = ossia(*flags, input="abab\n"), ossia(*flags, "c", "d", input="abab\n")
    whole = ossia(*flags, "c d\n\nabab")
    assert num_prompt_tokens(alone) < num_prompt_tokens(joined) == num_prompt_tokens(whole)
    assert [*map(texts, events(joined))] == [*map(texts, events(whole))]


def texts(event: dict[str, Any]) -> object:
    return event.get("text")


def test_json_is_an_event_a_line_and_done_comes_last(ossia: Run, model: Path) -> None:
    done = ossia("run", model, "--json", "--seed", 5, "--max-tokens", 30, "안녕")
    *pieces, last = events(done)
    assert {piece["type"] for piece in pieces} <= {"text", "reasoning", "tool_call"}
    assert last["type"] == "done"
    assert last["seed"] == 5
    assert last["usage"]["completion_tokens"] == 30
    assert "".join(piece["text"] for piece in pieces) == "".join(
        message["text"] for message in last["messages"]
    )


def test_what_the_flags_say_reaches_the_model(ossia: Run, model: Path) -> None:
    def ask(*flags: object) -> subprocess.CompletedProcess[str]:
        return ossia("run", model, "--json", "--max-tokens", 12, *flags, "hi")

    greedy = ask("--temperature", 0)
    said = [*map(texts, events(greedy))]
    assert [*map(texts, events(ask("--top-k", 1)))] == said  # whatever the seed
    assert [*map(texts, events(ask("--min-p", 1)))] == said
    assert num_prompt_tokens(ask("--system", "be brief")) > num_prompt_tokens(greedy)


def test_effort_is_part_of_the_prompt(ossia: Run, model: Path) -> None:
    flags = ("run", model, "--json", "--max-tokens", 1)
    high, medium = ossia(*flags, "--effort", "high", "hi"), ossia(*flags, "hi")
    assert num_prompt_tokens(high) == num_prompt_tokens(medium) - 1  # "hi gh", "me di um"


def test_verbose_tells_speed_seed_and_backend(ossia: Run, model: Path) -> None:
    done = ossia("run", model, "--verbose", "--seed", 4, "--max-tokens", 20, "hi")
    told = dict(re.split(r"  +", line, maxsplit=1) for line in done.stderr.splitlines()[:5])
    assert told.keys() >= {"model", "backend", "context"}
    assert "tokens/s" in done.stderr
    assert re.search(r"^seed +4$", done.stderr, re.MULTILINE)
    assert "mended" not in done.stderr  # even a random model speaks harmony, in its envelope
    assert done.stdout.count("\n") >= 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--temperature", "-1"], "temperature must be at least 0; it is -1.0"),
        (["--temperature", "nan"], "temperature must be at least 0; it is nan"),
        (["--top-p", "3"], "top_p must be above 0 and at most 1; it is 3.0"),
        (["--effort", "huge"], "no effort 'huge'; expected low, medium or high"),
        (["--max-tokens", "0"], "max_tokens must be at least 1; it is 0"),
        (["--seed", "-1"], "seed must be between 0 and"),
        (["--backend", "gpu"], "no backend 'gpu'"),
        (["--context", "1"], "a context of 1 tokens is not possible"),
    ],
)
def test_bad_flags_are_one_line(ossia: Run, model: Path, flags: list[str], said: str) -> None:
    done = ossia("run", model, *flags, "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ossia: {said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["nanno", "", "/nowhere", "a\x1b[2Jb"])
def test_an_unknown_model_is_one_line(ossia: Run, name: str) -> None:
    done = ossia("run", name, "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_a_failure_is_an_event_too(ossia: Run, model: Path) -> None:
    missing = ossia("run", "/nowhere", "--json", "hi")
    assert missing.returncode == 2
    assert events(missing)[-1]["type"] == "failed"
    long = ossia("run", model, "--json", "--context", 64, "ab " * 100)
    assert long.returncode != 0
    assert "leaves no room for an answer" in events(long)[-1]["message"]
    assert long.stderr.startswith("ossia: the conversation is")


@pytest.mark.parametrize("given", ["", "\n\n"])
def test_an_empty_prompt_is_refused(ossia: Run, model: Path, given: str) -> None:
    done = ossia("run", model, input=given)
    assert done.returncode == 2
    assert "the prompt is empty" in done.stderr


def test_a_prompt_that_is_no_utf8_is_answered(ossia: Run, model: Path) -> None:
    done = ossia("run", model, "--max-tokens", 3, input=b"\xff\xfe ab \x00", text=False)
    assert done.returncode == 0


def test_endless_input_is_refused(ossia: Run, model: Path) -> None:
    with Path("/dev/zero").open("rb") as zeros:
        done = ossia("run", model, stdin=zeros)
    assert done.returncode == 2
    assert done.stderr.startswith("ossia: standard input is larger than 64 MiB")


def test_a_reader_that_leaves_gets_no_traceback(
    environment: dict[str, str], ossia_path: str, model: Path
) -> None:
    line = '"$0" run "$1" --seed 5 hi 2>errors | head -c 1; echo ${PIPESTATUS[0]}; cat errors'
    done = subprocess.run(
        ["bash", "-c", line, ossia_path, str(model)],
        env=environment,
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout[1:] == "141\n"


def test_a_talk_needs_a_terminal(spawn: Spawn, model: Path) -> None:
    child = spawn("run", model, "--json")
    child.expect("a talk needs a terminal")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


def test_ctrl_c_keeps_what_was_said_and_ends_with_130(spawn: Spawn, model: Path) -> None:
    child = spawn("run", model, "--seed", 4, "hi")
    child.expect(r"\x1b\[K[^\x1b]*[a-z]{2} [a-z]{2}")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert "Traceback" not in child.before
    assert child.before.endswith("\n")
    assert child.exitstatus == 130


def test_a_narrow_terminal_breaks_between_words(spawn: Spawn, model: Path) -> None:
    child = spawn("run", model, "--seed", 5, "--max-tokens", 80, "한글 hi", columns=40)
    child.expect(pexpect.EOF)
    shown = child.before.rsplit("\x1b[K", 1)[1]  # what came after the last status line
    lines = re.sub(r"\x1b\[[02]m", "", shown).split("\r\n")
    assert len(lines) > 4
    assert all(len(line) <= 40 for line in lines)


def test_a_terminal_that_is_none_gets_no_escapes(spawn: Spawn, model: Path) -> None:
    child = spawn("run", model, "--seed", 5, "--max-tokens", 10, "hi", TERM="dumb")
    child.expect(pexpect.EOF)
    assert "\x1b" not in child.before


def test_a_question_longer_than_the_context_is_refused(ossia: Run, model: Path) -> None:
    done = ossia("run", model, "--context", 64, "word " * 200)
    assert (done.returncode, done.stdout) == (2, "")
    assert "tokens long" in done.stderr
    assert done.stderr.count("\n") == 1
