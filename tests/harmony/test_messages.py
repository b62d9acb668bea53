from dataclasses import FrozenInstanceError

import pytest

from ossia.harmony import Assistant, Channel, Effort, Role, System


def test_words_are_spelled_as_the_format_has_them() -> None:
    assert [str(role) for role in Role] == ["system", "developer", "user", "assistant", "tool"]
    assert ", ".join(Channel) == "analysis, commentary, final"
    assert [f"{effort}" for effort in Effort] == ["low", "medium", "high"]


def test_a_message_is_a_value() -> None:
    assert Assistant("42") == Assistant("42", Channel.FINAL)
    assert len({System(), System(Effort.MEDIUM)}) == 1
    with pytest.raises(FrozenInstanceError):
        System().effort = Effort.HIGH  # type: ignore[misc]
