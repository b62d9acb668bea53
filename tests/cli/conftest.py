"""A small model with a vocabulary that can speak, and the command as a real process."""

import itertools
import os
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

OSSIA = str(Path(sys.executable).with_name("ossia"))
CONTROLS = [
    "start",
    "end",
    "message",
    "channel",
    "constrain",
    "return",
    "call",
    "endoftext",
    "startoftext",
]

Run = Callable[..., subprocess.CompletedProcess[str]]
Spawn = Callable[..., pexpect.spawn]


@pytest.fixture(scope="session")
def ossia_path() -> str:
    """The command."""
    return OSSIA


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json: bytes, pairs of letters with and without a space before, control tokens.

    Its 1,600 tokens of text leave the stop tokens of a random model one chance in 500.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = list(itertools.product(string.ascii_lowercase, repeat=2))
    merges = [*pairs, *(("Ġ", "".join(pair)) for pair in pairs)]
    tokens = [*alphabet, *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in CONTROLS])
    path = tmp_path_factory.mktemp("vocabulary") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a new user: an empty home; but one day, for the model is told the date."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    home = tmp_path_factory.mktemp("home")
    places = {"HOME": str(home), "OSSIA_HOME": str(home / "ossia")}
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # no test asks the real hub
    return ours | places | nowhere | {"LANG": "C.UTF-8", "OSSIA_DATE": "2026-11-24"}


@pytest.fixture(scope="session")
def ossia(environment: dict[str, str]) -> Run:
    """Runs the command to its end."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"capture_output": True, "text": True, "timeout": 60} | options
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        env = environment | options.pop("env", {})
        return subprocess.run([OSSIA, *map(str, arguments)], env=env, check=False, **options)

    return run


@pytest.fixture(scope="session")
def model(ossia: Run, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of two layers whose vocabulary is the one above."""
    path = tmp_path_factory.mktemp("models") / "random"
    made = ossia("synth", path, "--shape", "2x64x4x4x2x1617", "--tokenizer", vocabulary)
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture
def spawn(environment: dict[str, str]) -> Iterator[Spawn]:
    """Starts the command on a terminal of its own."""
    started: list[pexpect.spawn] = []

    def start(*arguments: object, columns: int = 80, **variables: str) -> pexpect.spawn:
        env = environment | {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"} | variables
        child = pexpect.spawn(
            OSSIA,
            [*map(str, arguments)],
            env=env,
            dimensions=(24, columns),
            encoding="utf-8",
            timeout=30,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)
