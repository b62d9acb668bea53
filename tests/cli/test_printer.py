"""What an answer with reasoning looks like, wherever it goes: nano on real terminals."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]

ASKED = ("run", "nano", "--temperature", 0, "What is 12 + 5?")
DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def shown(child: pexpect.spawn) -> str:
    """All that came after the last status line went away."""
    child.expect(pexpect.EOF)
    return str(child.before).rsplit("\x1b[K", 1)[-1].replace("\r\n", "\n")


@pytest.fixture(scope="module")
def said(ossia: Run) -> tuple[str, str]:
    """Reasoning and answer, by their events."""
    events = [json.loads(line) for line in ossia(*ASKED, "--json").stdout.splitlines()]
    reasoning, answer = (
        "".join(event["text"] for event in events if event["type"] == kind)
        for kind in ("reasoning", "text")
    )
    assert reasoning
    assert "17" in answer
    return reasoning, answer


def test_on_a_terminal_reasoning_is_dim_and_set_apart(said: tuple[str, str], spawn: Spawn) -> None:
    reasoning, answer = said
    *thought, rest = shown(spawn(*ASKED)).split(PLAIN)
    assert all(DIM in piece for piece in thought)
    assert "".join(thought).replace(DIM, "").replace("\n", " ").split() == reasoning.split()
    assert rest == f"\n\n{answer}\n"


def test_without_styles_headings_tell_the_two_apart(said: tuple[str, str], spawn: Spawn) -> None:
    reasoning, answer = said
    page = f"Reasoning:\n{reasoning}\n\nAnswer:\n{answer}\n"
    assert shown(spawn(*ASKED, NO_COLOR="1")) == page
    assert shown(spawn(*ASKED, TERM="dumb")) == page


def test_hidden_reasoning_leaves_the_answer_alone(said: tuple[str, str], spawn: Spawn) -> None:
    _, answer = said
    assert shown(spawn(*ASKED, "--hide-reasoning")) == f"{answer}\n"


def test_an_answer_into_a_file_leaves_reasoning_on_the_terminal(
    said: tuple[str, str], ossia_path: str, environment: dict[str, str], tmp_path: Path
) -> None:
    reasoning, answer = said
    child = pexpect.spawn(
        "sh",
        ["-c", '"$0" "$@" </dev/null >out', ossia_path, *map(str, ASKED)],
        env=environment | {"TERM": "dumb"},
        cwd=str(tmp_path),
        encoding="utf-8",
    )
    assert shown(child) == f"Reasoning:\n{reasoning}\n\n"
    assert (tmp_path / "out").read_text("utf-8") == f"{answer}\n"
    child.close()


def test_a_pipe_without_a_terminal_gets_the_answer_alone(ossia: Run, said: tuple[str, str]) -> None:
    _, answer = said
    done = ossia(*ASKED)
    assert (done.stdout, done.stderr) == (f"{answer}\n", "")
