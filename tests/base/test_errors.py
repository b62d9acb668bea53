"""The error tree: the docstring draws what the classes are."""

import inspect
import re

import pytest

from ossia.base import errors

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and kind.__module__ == errors.__name__
}
DRAWN = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<name>\w+Error)\b", re.MULTILINE)


def drawn_parents() -> dict[str, str | None]:
    """Each class in the docstring's tree, and the one that it hangs from."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in DRAWN.finditer(errors.__doc__ or ""):
        depth = len(line["branch"]) // 4
        path[depth:] = [line["name"]]
        parents[line["name"]] = path[depth - 1] if depth else None
    return parents


def test_the_docstring_draws_the_tree() -> None:
    parents = {
        name: None if kind is errors.OssiaError else kind.__base__.__name__
        for name, kind in CLASSES.items()
    }
    assert drawn_parents() == parents


def test_the_root_is_an_exception() -> None:
    assert errors.OssiaError.__bases__ == (Exception,)


@pytest.mark.parametrize("name", CLASSES)
def test_exit_codes(name: str) -> None:
    """What the user can mend is 2, the rest 1; the docstring says it of a branch."""
    others = ("OssiaError", "NetworkError")
    error = CLASSES[name]("what happened")
    assert error.exit_code == (1 if name in others else 2)
    assert str(error) == "what happened"


@pytest.mark.parametrize(
    "name", [n for n, p in drawn_parents().items() if p in (None, "OssiaError")]
)
def test_the_docstring_says_the_exit_code(name: str) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if f" {name} " in line)
    assert line.endswith(f"exit code {CLASSES[name].exit_code}")
