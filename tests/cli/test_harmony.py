"""``ossia harmony``: prompts and outputs as a person looks at them."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai_harmony as oh
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
GOLDEN = Path(__file__).parents[1] / "golden" / "harmony"
CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "안녕 <|end|>"},
    ],
    "tools": [{"type": "function", "function": {"name": "bash", "description": "Runs it."}}],
}
PROMPT = """\
<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.
Knowledge cutoff: 2024-06
Current date: 2026-11-24

Reasoning: medium

# Valid channels: analysis, commentary, final. Channel must be included for every message.
Calls to these tools must go to the commentary channel: 'functions'.<|end|>\
<|start|>developer<|message|># Instructions

Be brief.

# Tools

## functions

namespace functions {

// Runs it.
type bash_tool = () => any;

} // namespace functions<|end|><|start|>user<|message|>안녕 <|end|><|end|>"""
OUTPUT = (
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.f"
    '<|channel|>commentary <|constrain|>json<|message|>{"a": "나"}<|call|>'
)
MESSAGES = [
    {
        "role": "assistant",
        "channel": "analysis",
        "recipient": None,
        "content_type": None,
        "content": "Hm.",
    },
    {
        "role": "assistant",
        "channel": "commentary",
        "recipient": "functions.f",
        "content_type": "json",
        "content": '{"a": "나"}',
    },
]


def test_a_prompt_as_text_from_a_file_and_from_standard_input(ossia: Run, tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.write_text(json.dumps(CHAT), "utf-8")
    assert ossia("harmony", "render", path).stdout == f"{PROMPT}\n"
    for name in ((), ("-",)):
        done = ossia("harmony", "render", *name, "--for-completion", input=json.dumps(CHAT))
        assert done.stdout == f"{PROMPT}<|start|>assistant\n"


def test_ids_are_those_of_the_vocabulary(ossia: Run, vocabulary: Path) -> None:
    shown = ossia("harmony", "render", "--ids", "--tokenizer", vocabulary, input=json.dumps(CHAT))
    from ossia.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(json=vocabulary)
    ids = json.loads(shown.stdout)
    assert tokenizer.decode(ids) == PROMPT
    assert sum(map(tokenizer.is_special, ids)) == 9  # the user's own is text


@pytest.mark.o200k
def test_ids_are_openai_harmonys(ossia: Run, o200k_path: Path, oracle: Any) -> None:
    content = oh.SystemContent.new().with_browser_tool().with_conversation_start_date("2026-11-24")
    said = oh.Conversation.from_messages(
        [
            oh.Message.from_role_and_content(oh.Role.SYSTEM, content),
            oh.Message.from_role_and_content(oh.Role.USER, "안녕"),
        ]
    )
    arguments = ("--ids", "--for-completion", "--tokenizer", o200k_path)
    done = ossia("harmony", "render", *arguments, input=said.to_json())
    expected = oracle.render_conversation_for_completion(said, oh.Role.ASSISTANT)
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("start", ["", "<|start|>assistant"])
def test_an_output_as_messages(ossia: Run, start: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text(f"{start}{OUTPUT}\n", "utf-8")
    expected = {"messages": MESSAGES, "repairs": []}
    assert json.loads(ossia("harmony", "parse", path).stdout) == expected
    piped = ossia("harmony", "parse", input=f"{start}{OUTPUT}")
    assert json.loads(piped.stdout) == expected
    assert "나" in piped.stdout


def test_repairs_are_named(ossia: Run) -> None:
    shown = json.loads(ossia("harmony", "parse", input="<|channel|>finalx<|message|>42").stdout)
    assert [message["content"] for message in shown["messages"]] == ["42"]
    assert shown["repairs"] == ["unknown_channel"]


@pytest.mark.o200k
def test_ids_of_an_output_are_read(ossia: Run, o200k_path: Path) -> None:
    cases = json.loads((GOLDEN / "parse.json").read_text("utf-8"))
    case = next(case for case in cases if case["name"] == "reasoning, preamble, call")
    for ids in (case["ids"], [200006, 173781, *case["ids"]]):
        for text in (json.dumps(ids), " ".join(map(str, ids))):
            done = ossia("harmony", "parse", "--ids", "--tokenizer", o200k_path, input=text)
            seen = json.loads(done.stdout)
            texts = [message["text"] for message in case["messages"]]
            assert [message["content"] for message in seen["messages"]] == texts
            assert seen["repairs"] == []


def test_what_is_parsed_can_be_rendered_again(ossia: Run) -> None:
    parsed = json.loads(ossia("harmony", "parse", input=OUTPUT).stdout)
    again = ossia("harmony", "render", input=json.dumps(parsed["messages"]))
    assert again.stdout.strip() == f"<|start|>assistant{OUTPUT}"


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("render", "nosuch.json"), "", "cannot read nosuch.json: No such file"),
        (("render", "/"), "", "cannot read /: Is a directory"),
        (("render",), "{", r"standard input: no JSON: .*\(line 1, column 2\)"),
        (("render",), "", "standard input: no JSON"),
        (("render",), "[" * 100_000, "JSON that is too deep"),
        (("render",), "7", "no conversation: expected a list of messages"),
        (("render", "--tokenizer", "nosuch"), "[]", "nosuch"),
        (("parse", "--ids"), "12 x", "'x' is no token id; expected numbers"),
        (("parse", "nosuch"), "", "cannot read nosuch"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(ossia: Run, arguments, given, said) -> None:
    done = ossia("harmony", *arguments, input=given)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.search(said, done.stderr)
    assert len(done.stderr.splitlines()) <= 2


def test_bytes_that_are_no_text_are_refused(ossia: Run, tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b'["caf\xe9"]')
    done = ossia("harmony", "render", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no UTF-8 text (byte 5)" in done.stderr


def test_a_terminal_is_not_steered(spawn, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("<|channel|>final<|message|>\x9b31m\x7f", "utf-8")
    child = spawn("harmony", "parse", str(path))
    shown = child.read()
    assert "final" in shown
    assert "\x9b" not in shown
    assert "\x7f" not in shown
