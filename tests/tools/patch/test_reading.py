import asyncio
import json
from pathlib import Path

import pytest

from ossia.tools import Call, Deed
from ossia.tools.patch import PatchTool


def call(name: str, **arguments: object) -> Call:
    return Call(f"functions.{name}", json.dumps(arguments))


def test_files_are_listed_and_links_and_git_are_not(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name in ("b", "a.txt", "d/e/f", ".git/config"):
        (tmp_path / name).write_text("x")
    (tmp_path / "d" / "link").symlink_to("/etc")
    (tmp_path / "other").symlink_to("/etc/passwd")
    tool = PatchTool(tmp_path)
    assert tool.action(call("list_files")).deed is Deed.READ
    assert asyncio.run(tool.call(call("list_files"))).text == "a.txt\nb\nd/e/f"
    assert asyncio.run(tool.call(call("list_files", path="d/"))).text == "d/e/f"
    for path in ("..", "d/link", "missing", "b", ".git", "/etc"):
        assert asyncio.run(tool.call(call("list_files", path=path))).is_error, path
    asyncio.run(tool.close())


def test_a_file_is_shown_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("".join(f"{number}\r\n" for number in range(1, 1501)))
    tool = PatchTool(tmp_path)
    first, second = (
        asyncio.run(tool.call(call("read_file", path="a", start=s))) for s in (1, 1001)
    )
    assert first.text.splitlines()[:2] == ["[a, lines 1 to 1000 of 1500]", "1"]
    assert first.text.splitlines()[-1] == "1000"
    assert second.text.splitlines()[1:] == [str(number) for number in range(1001, 1501)]
    (tmp_path / "wide").write_text("\n".join(["x" * 30_000] * 3))
    wide = asyncio.run(tool.call(call("read_file", path="wide")))
    assert wide.text == f"[wide, lines 1 to 1 of 3]\n{'x' * 30_000}"
    asyncio.run(tool.close())


SENSELESS = [
    *("{", "[]", "{}", "[" * 100_000, '{"path": 1}', '{"path": "a", "start": 0}'),
    *('{"path": "a", "start": 9}', '{"path": "nul"}', '{"path": "../x"}', '{"path": "\\ud800"}'),
]


@pytest.mark.parametrize("text", SENSELESS)
def test_a_senseless_call_is_answered(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "nul").write_bytes(b"\0")
    tool = PatchTool(tmp_path)
    tool.action(Call("functions.read_file", text))
    result = asyncio.run(tool.call(Call("functions.read_file", text)))
    assert result.is_error
    assert result.text.startswith("error: ")
    asyncio.run(tool.close())
