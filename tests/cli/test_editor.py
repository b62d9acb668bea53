"""Text of several lines in quotes; keys are tried in test_talk.py."""

import pytest

from ossia.cli.editor import is_open, unquoted


@pytest.mark.parametrize("text", ['"""', '"""a', '"""a\nb', '""""', '"""""', '  """a'])
def test_open(text: str) -> None:
    assert is_open(text)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('"""a"""', "a"),
        ('"""\na\n\nb\n"""', "a\n\nb"),
        ('""""""', ""),
        ("plain", "plain"),
        ('say """x"""', 'say """x"""'),
    ],
)
def test_closed(text: str, inside: str) -> None:
    assert not is_open(text)
    assert unquoted(text) == inside
