"""What is remembered, and that it stays bounded."""

from ossia.server.recall import Recall


def test_what_led_to_a_call_is_found() -> None:
    recall = Recall()
    recall.keep("call_1", "I need a sum.")
    assert recall.find("call_1") == "I need a sum."
    assert recall.find("call_2") is None


def test_no_reasoning_is_nothing_to_remember() -> None:
    recall = Recall()
    recall.keep("call_1", "")
    assert recall.find("call_1") is None


def test_the_oldest_goes_first_and_what_is_asked_for_stays() -> None:
    recall = Recall(max_characters=30)
    for name in "abc":
        recall.keep(name, name * 9)
    assert recall.find("a") == "a" * 9
    recall.keep("d", "d" * 9)
    assert [recall.find(name) for name in "abcd"] == ["a" * 9, None, "c" * 9, "d" * 9]


def test_a_call_may_be_told_again_and_too_much_is_not_kept() -> None:
    recall = Recall(max_characters=20)
    recall.keep("a", "x" * 19)
    recall.keep("a", "y" * 19)
    assert recall.find("a") == "y" * 19
    recall.keep("b", "z" * 20)
    assert (recall.find("a"), recall.find("b")) == (None, None)
