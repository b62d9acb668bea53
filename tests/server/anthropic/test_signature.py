"""Signatures of thinking blocks."""

from ossia.server.anthropic.signature import carried_thinking, signature_of


def test_what_is_not_shown_is_carried() -> None:
    for thought in ("I add.", "27+58\n더하기", ""):
        assert carried_thinking(signature_of(thought, is_shown=False)) == thought


def test_what_is_shown_is_not_carried_and_has_its_own_signature() -> None:
    signature = signature_of("I add.", is_shown=True)
    assert carried_thinking(signature) is None
    assert signature != signature_of("I subtract.", is_shown=True)


def test_half_a_surrogate_pair_does_not_raise() -> None:
    for is_shown in (True, False):
        assert signature_of("\ud800", is_shown=is_shown)
