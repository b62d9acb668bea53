"""From nothing to an answer with one line: the model is fetched from a hub after asking."""

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest
from tests.hub.hub_server import serving

from ossia.hub import EMBEDDED

OSSIA = str(Path(sys.executable).with_name("ossia"))
FILES = {path.name: path.read_bytes() for path in EMBEDDED["nano"].iterdir() if path.is_file()}


@pytest.fixture
def machine(tmp_path: Path):
    """A fresh machine's environment, and a hub on which the 20b model is nano."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    with serving() as hub:
        hub.add("openai/gpt-oss-20b", FILES)
        yield environment | {
            "OSSIA_HOME": str(tmp_path / "home"),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": hub.endpoint,
            "TERM": "dumb",
        }


def run(machine: dict[str, str], *words: str) -> pexpect.spawn:
    return pexpect.spawn(
        OSSIA, ["run", *words], env=machine, timeout=60, encoding="utf-8", dimensions=(24, 200)
    )


def test_a_model_that_is_not_here_is_fetched_and_answers(machine) -> None:
    child = run(machine, "gpt-oss:20b", "What is 27 + 58?", "--seed", "1")
    child.expect(r"gpt-oss:20b is not here\. Download openai/gpt-oss-20b, 13\.8 GB.*\[y/N\]")
    child.sendline("y")
    child.expect("every file checked")
    child.expect(r"27 \+ 58 = 85")
    child.expect(pexpect.EOF)
    offline = machine | {"OSSIA_OFFLINE": "1"}
    child = run(offline, "gpt-oss:20b", "What is 27 + 58?", "--seed", "1")
    child.expect(r"27 \+ 58 = 85")
    child.expect(pexpect.EOF)


def test_who_says_no_is_told_how(machine) -> None:
    child = run(machine, "gpt-oss:20b", "Hi")
    child.expect(re.escape("[y/N]"))
    child.sendline("n")
    child.expect("ossia pull gpt-oss:20b")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
