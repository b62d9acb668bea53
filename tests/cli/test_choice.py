"""Words chosen from a few."""

import pytest

from ossia.base.errors import InputError
from ossia.checkpoint import Layout
from ossia.cli.choice import choose, nearest
from ossia.harmony import Effort


def test_a_known_word() -> None:
    assert choose(Effort, "low", "effort") is Effort.LOW


def test_an_unknown_word_names_all_and_the_nearest() -> None:
    with pytest.raises(InputError, match="expected low, medium or high; did you mean medium"):
        choose(Effort, "mediun", "effort")


def test_a_member_that_is_left_out() -> None:
    with pytest.raises(InputError, match="expected hf, openai or gguf"):
        choose(Layout, "synthetic", "format", without=(Layout.SYNTHETIC,))


def test_nothing_is_near() -> None:
    assert nearest("xyzzy", ["low"]) == ""
