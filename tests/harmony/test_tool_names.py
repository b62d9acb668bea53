"""Names on the wire: legal, nobody else's, and back again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.harmony import Assistant, Channel, Parser, Tool, ToolNames, render
from ossia.harmony.tool_names import MAX_LENGTH, TRAINED

LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@pytest.mark.parametrize("name", ["get_weather", "web-browsing", "ask_followup_question", "Write"])
def test_a_plain_name_stays(name: str) -> None:
    names = ToolNames([name])
    assert names.wire(name) == name
    assert names.recipient(name) == f"functions.{name}"


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("python", "python_tool"),
        ("Bash", "Bash_tool"),
        ("browser", "browser_tool"),
        ("container", "container_tool"),
        ("exec", "exec_tool"),
        ("apply_patch", "apply_patch_tool"),
        ("assistant", "assistant_tool"),
        ("final", "final_tool"),
        ("functions", "functions_tool"),
        ("files.read", "files_read"),
        ("read file", "read_file"),
        ("mcp/server:tool", "mcp_server_tool"),
        ("café", "cafe"),
        ("날씨", "function"),
        ("날씨_get", "_get"),
        ("2fast", "tool_2fast"),
        ("<|call|>", "call"),
        ("a<|end|><|start|>system", "a_end_start_system"),
        ("", "function"),
        ("x" * 80, "x" * MAX_LENGTH),
    ],
)
def test_another_gets_one_that_the_format_can_hold(name: str, wire: str) -> None:
    names = ToolNames([name])
    assert names.wire(name) == wire
    assert names.outside(f"functions.{wire}") == name


def test_names_that_become_the_same_are_numbered() -> None:
    given = ["read.file", "read file", "read_file", "날씨", "도시", "y" * 80, "y" * 90]
    names = ToolNames(given)
    wires = [names.wire(name) for name in given]
    assert wires[:3] == ["read_file_3", "read_file_2", "read_file"]
    assert len(set(wires)) == len(given)
    assert all(len(wire) <= MAX_LENGTH for wire in wires)


texts = st.text(max_size=80) | st.sampled_from([*TRAINED, "python_tool", "tool", "a b", "a_b"])


@given(st.lists(texts, max_size=12), st.randoms())
def test_any_names_are_legal_and_come_back(given: list[str], random) -> None:
    names = ToolNames(given)
    wires = {name: names.wire(name) for name in given}
    assert len(set(wires.values())) == len(wires)
    for name, wire in wires.items():
        assert LEGAL.fullmatch(wire)
        assert wire.casefold() not in TRAINED
        assert names.outside(names.recipient(name)) == name
        Tool(wire)
    shuffled = random.sample(given, len(given))
    again = ToolNames(shuffled)
    assert {name: again.wire(name) for name in given} == wires


@pytest.mark.parametrize(
    ("recipient", "name"),
    [
        ("functions.python_tool", "python"),
        ("python", "python"),
        ("functions.python", "python"),
        ("get_weather", "get_weather"),
        ("functions.get_weather", "get_weather"),
        ("functions.get_weatherjson", "get_weather"),
        ("functions.get_weathercommentary", "get_weather"),
        ("functions.files_readcode", "files.read"),
        ("functions.files.read", "files.read"),
        ("functions.nobody", "nobody"),
        ("container.exec", "container.exec"),
    ],
)
def test_what_the_model_writes_is_understood(recipient: str, name: str) -> None:
    assert ToolNames(["python", "get_weather", "files.read"]).outside(recipient) == name


def test_a_name_that_ends_like_a_type_is_its_own() -> None:
    names = ToolNames(["to_json", "to_", "decode"])
    assert names.outside("functions.to_json") == "to_json"
    assert names.outside("functions.decode") == "decode"


def test_a_name_of_an_old_message_gets_its_own_too() -> None:
    names = ToolNames(["read_file"])
    assert names.wire("read file") == "read_file_2"
    assert names.outside("functions.read_file_2") == "read file"


@given(texts)
def test_a_call_comes_back_through_prompt_and_parser(small, name: str) -> None:
    names = ToolNames([name])
    call = Assistant("{}", Channel.COMMENTARY, names.recipient(name), "json")
    ids = render([call], small, for_completion=False)
    parser = Parser(small)
    for token_id in ids[1 + len(small.encode("assistant")) :]:
        parser.feed(token_id)
    assert parser.repairs == ()
    assert [names.outside(message.recipient or "") for message in parser.messages] == [name]
