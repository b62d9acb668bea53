"""Headers piece by piece: every order in which a model writes them says the same."""

from itertools import permutations

import pytest

from ossia.harmony import Channel
from ossia.harmony.header import Field, Part, break_header, close_header, read_header

WHOLE = {
    "recipient in the role": [
        Field(Part.ROLE, "assistant to=functions.f"),
        Field(Part.CHANNEL, "commentary "),
        Field(Part.CONSTRAIN, "json"),
    ],
    "recipient after the channel": [
        Field(Part.AFTER_ROLE),
        Field(Part.CHANNEL, "commentary to=functions.f "),
        Field(Part.CONSTRAIN, "json"),
    ],
    "recipient after the type": [
        Field(Part.AFTER_ROLE),
        Field(Part.CHANNEL, "commentary "),
        Field(Part.CONSTRAIN, "json to=functions.f"),
    ],
    "type before the channel": [
        Field(Part.ROLE, "assistant to=functions.f "),
        Field(Part.CONSTRAIN, "json"),
        Field(Part.CHANNEL, "commentary"),
    ],
    "type without constrain": [
        Field(Part.ROLE, "assistant"),
        Field(Part.CHANNEL, "commentary to=functions.f json"),
    ],
    "type before the recipient": [
        Field(Part.ROLE, "assistant"),
        Field(Part.CHANNEL, "commentary json to=functions.f"),
    ],
}


@pytest.mark.parametrize("fields", WHOLE.values(), ids=WHOLE)
def test_every_order_says_the_same(fields: list[Field]) -> None:
    header = close_header(read_header(fields))
    assert (header.channel, header.recipient) == (Channel.COMMENTARY, "functions.f")
    assert (header.content_type, header.text, header.repairs) == ("json", "", ())


@pytest.mark.parametrize("order", list(permutations([" to=functions.f", " one", " two"])))
def test_words_are_kept_wherever_they_stand(order: tuple[str, ...]) -> None:
    reading = read_header([Field(Part.CHANNEL, "commentary" + "".join(order))])
    kept = " ".join(reading.rest.split())
    assert all(word in kept for word in ("one", "two"))
    assert reading.recipient == "functions.f" or "to=functions.f" in kept


@pytest.mark.parametrize(
    ("text", "is_text"),
    [
        ("final one two three ", False),
        ("final one two three fo", False),
        ("final one two three four ", True),
        ("final " + "x" * 64, False),
        ("final " + "x" * 65, True),
        ("commentary to=" + "x" * 80, False),
    ],
)
def test_text_is_known_by_words_that_are_complete(text: str, is_text: bool) -> None:
    assert read_header([Field(Part.CHANNEL, text)]).is_text is is_text


def test_a_recipient_deep_in_text_is_text() -> None:
    reading = read_header([Field(Part.CHANNEL, "final set the variable to=5 please")])
    assert reading.recipient is None
    assert break_header(reading).text == "set the variable to=5 please"


def test_a_name_that_only_begins_like_a_channel_is_another_word() -> None:
    reading = read_header([Field(Part.CHANNEL, "finally we are done")])
    assert reading.channel is None
    assert break_header(reading).text == "finally we are done"
