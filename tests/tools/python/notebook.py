"""Runs code as a conversation would, for the tests of this room."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ossia.base.errors import BackendError
from ossia.tools import Call, Result
from ossia.tools.python import Limits, PythonTool, find
from ossia.tools.python.probe import probe


@cache
def _complaint() -> str:
    try:
        asyncio.run(probe(find(None), Limits()))
    except BackendError as error:
        return str(error)
    return ""


def needs_sandbox() -> None:
    """Skips where none can stand."""
    if complaint := _complaint():
        pytest.skip(complaint)


def run(*cells: str, **options: Any) -> list[Result]:
    """What comes of cells of one conversation, in its sandbox."""
    if not options.get("unsafe"):
        needs_sandbox()

    async def running() -> list[Result]:
        tool = PythonTool(**options)
        try:
            return [await tool.call(Call("python", cell)) for cell in cells]
        finally:
            await tool.close()

    return asyncio.run(running())


def text(*cells: str, **options: Any) -> str:
    """What the model reads of the last cell."""
    return run(*cells, **options)[-1].text


def host_processes() -> dict[int, str]:
    """Command lines of this machine's processes, by their ids."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().decode("utf-8", "replace")
                )
            except OSError:
                continue
    return found
