import asyncio
import difflib
import json
import random
from pathlib import Path

import pytest

from ossia.tools import Call, Tool
from ossia.tools.patch import PatchTool

Tree = dict[str, list[str]]


def test_apply_and_undo(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\xfftwo\r\n")
    text = "*** Begin Patch\n*** Update File: a.txt\n*** Move to: d/b.txt\n@@\n-one\n+1\n"
    call = Call("functions.apply_patch", json.dumps({"input": text + "*** End Patch"}))
    tool: Tool = PatchTool(tmp_path)
    assert "+1" in tool.action(call).detail
    result = asyncio.run(tool.call(call))
    assert not result.is_error
    assert (tmp_path / "d" / "b.txt").read_bytes() == b"1\r\n\xfftwo\r\n"
    assert asyncio.run(tool.call(call)).is_error
    assert not asyncio.run(tool.call(Call("functions.undo_patch", "{}"))).is_error
    assert (tmp_path / "a.txt").read_bytes() == b"one\r\n\xfftwo\r\n"
    asyncio.run(tool.close())


def test_what_fits_nowhere_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    text = "*** Begin Patch\n*** Add File: b\n+x\n*** Update File: a\n@@\n-two\n+1\n*** End Patch"
    result = asyncio.run(PatchTool(tmp_path).call(Call("functions.apply_patch", text)))
    assert result.is_error
    assert "fits nowhere in lines 1 to 1" in result.text
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def random_tree(rng: random.Random) -> Tree:
    paths = rng.sample(["a", "b.py", "d/c", "d/e/f", "g h"], rng.randint(1, 4))
    return {path: rng.choices(["x", "y", " z", "", "-w"], k=rng.randint(1, 9)) for path in paths}


def patch_between(before: Tree, after: Tree) -> str:
    """A patch with whole files as context, as somebody else would write it."""
    out = ["*** Begin Patch"]
    for path in sorted({*before, *after}):
        if path not in after:
            out.append(f"*** Delete File: {path}")
        elif path not in before:
            out += [f"*** Add File: {path}", *(f"+{line}" for line in after[path])]
        elif before[path] != after[path]:
            signs = [s for s in difflib.ndiff(before[path], after[path]) if s[0] != "?"]
            out += [f"*** Update File: {path}", "@@", *(s[0] + s[2:] for s in signs)]
    return "\n".join([*out, "*** End Patch"])


def on_disk(root: Path) -> Tree:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(p.relative_to(root)): p.read_text().removesuffix("\n").split("\n") for p in files}


@pytest.mark.parametrize("decade", range(25))
def test_random_edits_of_random_trees_round_trip(tmp_path: Path, decade: int) -> None:
    for seed in range(decade * 10, decade * 10 + 10):
        rng = random.Random(seed)
        before, after = random_tree(rng), random_tree(rng)
        root = tmp_path / str(seed)
        for path, lines in before.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("".join(f"{line}\n" for line in lines))
        tool = PatchTool(root)
        call = Call("functions.apply_patch", json.dumps({"input": patch_between(before, after)}))
        result = asyncio.run(tool.call(call))
        assert not result.is_error, result.text
        assert on_disk(root) == after
        assert not asyncio.run(tool.call(Call("functions.undo_patch", "{}"))).is_error
        assert on_disk(root) == before
        asyncio.run(tool.close())
