"""Flags of tools: what they lay open, and what they allow."""

from pathlib import Path

import pytest

from ossia.agent import Verdict
from ossia.base.errors import InputError
from ossia.cli.tools import equipment, policy
from ossia.tools import Action, Deed

FETCH = Action("browser", Deed.FETCH, "docs.python.org")
WRITE = Action("patch", Deed.WRITE, "/work/house/attic")


def test_names_by_commas(tmp_path: Path) -> None:
    made = equipment(" python, browser,", None, is_unsafe=False)
    assert made.names == {"browser", "python"}
    assert not equipment(None, None, is_unsafe=False).names
    assert equipment("patch", None, is_unsafe=False, folder=tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    ("tools", "more", "complaint"),
    [
        ("pyhton", {}, "there is no tool 'pyhton'"),
        ("browser", {"is_unsafe": True}, "--tools python"),
        (None, {"venv": Path("x")}, "--tools python"),
        ("python", {"folder": Path("x")}, "--tools patch"),
    ],
)
def test_flags_of_tools_that_are_not_laid_open(
    tools: str | None, more: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        equipment(**{"tools": tools, "venv": None, "is_unsafe": False, **more})  # type: ignore[arg-type]


def test_what_is_asked_about_where_nothing_is_said() -> None:
    assert policy(None, None, is_alone=False).verdict(FETCH) is Verdict.ASK
    assert policy(None, None, is_alone=True).verdict(FETCH) is Verdict.DENY


def test_rules_by_tool_host_and_folder() -> None:
    by_host = policy(["browser:*.python.org"], ["browser:docs.*"], is_alone=True)
    assert by_host.verdict(FETCH) is Verdict.DENY, "what is denied goes first"
    assert by_host.verdict(Action("browser", Deed.FETCH, "www.python.org")) is Verdict.ALLOW
    assert by_host.verdict(Action("browser", Deed.FETCH, "python.org.evil.net")) is Verdict.DENY
    by_folder = policy(["patch:/work/house"], None, is_alone=False)
    assert by_folder.verdict(WRITE) is Verdict.ALLOW
    assert by_folder.verdict(Action("patch", Deed.WRITE, "/work/houses")) is Verdict.ASK
    assert policy(["patch"], None, is_alone=True).verdict(WRITE) is Verdict.ALLOW


@pytest.mark.parametrize("text", ["", "telephone", "browser:", ":x"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no rule"):
        policy([text], None, is_alone=False)
