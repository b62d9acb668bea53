"""The header of a message that the model wrote: on which channel, to whom, in what form.

    assistant to=functions.get_weather<|channel|>commentary <|constrain|>json<|message|>

It reads what stands between ``<|start|>`` and ``<|message|>``, in any order that the model writes
it, and tells what is no header at all. It knows neither token ids nor what came before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto

from ossia.harmony.messages import Channel, Role
from ossia.harmony.repair import Repair

MAX_WORDS = 3
"""More words than these that say nothing are text: the model forgot ``<|message|>``."""

MAX_WORD_LENGTH = 64
"""A longer run of characters, such as a call's arguments, is text too."""

MAX_LENGTH = 256
"""Characters of a header; the name of a tool has 64 at most."""


class Part(Enum):
    """The places of a header, by the control token before them."""

    OUTSIDE = auto()  # a message ended, and no <|start|> came yet
    ROLE = auto()  # <|start|>
    AFTER_ROLE = auto()  # the prompt's own <|start|>assistant
    CHANNEL = auto()  # <|channel|>
    CONSTRAIN = auto()  # <|constrain|>


@dataclass
class Field:
    """One place of a header and its text so far."""

    part: Part
    text: str = ""


@dataclass(frozen=True)
class Reading:
    """What a header says so far.

    Attributes:
        type_at: where in ``rest`` the content type stood.
        rest: what is no part of a header. It may become one (``<|message|>`` comes), or be an
            answer whose ``<|message|>`` is missing (anything else comes).
        is_blank: nothing is there, or nothing but the role.
    """

    channel: Channel | None
    has_channel_token: bool
    recipient: str | None
    content_type: str | None
    type_at: int
    rest: str
    repairs: tuple[Repair, ...]

    @property
    def is_blank(self) -> bool:
        """Whether nothing but a role is there."""
        return not (self.rest.strip() or self.channel or self.recipient or self.content_type)

    @property
    def is_text(self) -> bool:
        """Whether the rest must be text, whatever comes next."""
        words = self.rest.split()
        num_complete = len(words) - (self.rest[-1:].strip() != "")  # the last may be half a word
        return num_complete > MAX_WORDS or max(map(len, words), default=0) > MAX_WORD_LENGTH

    @property
    def is_like_text(self) -> bool:
        """Whether there are words, and not one thing that makes a header."""
        words = self.rest.split()
        names_something = self.has_channel_token or self.channel or self.recipient
        if not words or names_something or self.content_type:
            return False
        return words[0] not in list(Channel) and (len(words) > 1 or not _like(words[0]))


@dataclass(frozen=True)
class Header:
    """A header that is over, every gap filled.

    Attributes:
        text: the beginning of the body, where ``<|message|>`` is missing.
    """

    channel: Channel
    recipient: str | None = None
    content_type: str | None = None
    text: str = ""
    repairs: tuple[Repair, ...] = ()


_CHANNELS = "|".join(Channel)
_ROLES = "|".join(Role)
_ROLE = re.compile(rf"\s*({_ROLES})(?=to=|{_CHANNELS}|[^a-z]|$)")
_SAME_ROLE = re.compile(r"\s*(assistant)\s*$")
_CHANNEL = re.compile(rf"\s*({_CHANNELS})(?=to=|[^a-z]|$)")
_WORD = re.compile(r"[A-Za-z][\w.+/-]*")
_CONTENT_TYPE = re.compile(  # an unknown one only where nothing but arguments follows
    r"\s*(json(?=to=|[^a-z]|$)|code(?!\w)|[A-Za-z][\w.+/-]*(?=\s*(?:to=|[{\[\"]|$)))"
)
_ARGUMENTS_TYPE = re.compile(r"\s*(json|code)(?=[\s{]|$)")
_TOOL = r"(?:functions\.[\w.:/-]+|browser\.\w+|python|container\.exec)"
_RECIPIENT = re.compile(  # at most one word before it
    rf"(\s*(?:\S+\s+)??)to=(\s?{_TOOL}|[\w.:/-]+)"
)
_TOOL_ALONE = re.compile(rf"\s*({_TOOL})(?=[\s{{]|$)")
_CHANNEL_IN_ROLE = re.compile(rf'\s*({_CHANNELS})(?=\s*to=|[A-Z0-9{{\["]|[^\x00-\x7f])')
_KNOWN_TYPES = ("json", "code")
_NOBODY = frozenset({*Role, *Channel, "all"})


def read_header(fields: Sequence[Field]) -> Reading:
    """What the fields of an unfinished header say."""
    channel: Channel | None = None
    recipients: list[str] = []
    content_type: str | None = None
    rest, type_at = "", 0
    repairs: list[Repair] = []
    for field in fields:
        word, text = _take(_OPENINGS[field.part], field.text)
        match field.part:
            case Part.CHANNEL:
                repairs += [Repair.SECOND_CHANNEL] if channel else []
                channel = Channel(word) if word else channel
            case Part.CONSTRAIN if word and _TOOL_ALONE.fullmatch(word):
                text = f" {word}{text}"  # no type: the model forgot to= and wrote this instead
            case Part.CONSTRAIN:
                rest += f" {content_type} " if word and content_type else ""
                content_type, type_at = (word, len(rest)) if word else (content_type, type_at)
            case _ if word not in (None, Role.ASSISTANT):
                repairs.append(Repair.OTHER_ROLE)
            case _ if word or field.part is Part.AFTER_ROLE:
                glued, text = _take(_CHANNEL_IN_ROLE, text)
                channel = Channel(glued) if glued else channel
                repairs += [Repair.MISSING_CHANNEL] if glued else []
        text = _take_recipients(text, recipients)
        if not recipients and field.part in (Part.CHANNEL, Part.CONSTRAIN):
            name, text = _take(_TOOL_ALONE, text)
            recipients += [name] if name else []
            repairs += [Repair.MISSING_TO] if name else []
        rest += text
    tools = [name for name in recipients if name not in _NOBODY]
    repairs += [Repair.NO_TOOL] * (len(recipients) - len(tools))
    repairs += [Repair.SECOND_RECIPIENT] if len(tools) > 1 else []
    has_token = any(field.part is Part.CHANNEL for field in fields)
    recipient = tools[0] if tools else None
    return Reading(channel, has_token, recipient, content_type, type_at, rest, tuple(repairs))


_OPENINGS = {
    Part.OUTSIDE: _ROLE,
    Part.ROLE: _ROLE,
    Part.AFTER_ROLE: _SAME_ROLE,
    Part.CHANNEL: _CHANNEL,
    Part.CONSTRAIN: _CONTENT_TYPE,
}
"""What each place begins with."""


def close_header(reading: Reading) -> Header:
    """A header that ``<|message|>`` closed: its rest is names that nobody knows."""
    words = reading.rest.split()
    channel, content_type = reading.channel, reading.content_type
    repairs = list(reading.repairs)
    if channel is None:
        name = words[0] if words else ""
        is_missing = not (reading.has_channel_token and name)
        repairs.append(Repair.MISSING_CHANNEL if is_missing else Repair.UNKNOWN_CHANNEL)
        channel = _nearest_channel(name, reading)
        is_name = _like(name) or (reading.has_channel_token and len(words) == 1)
        words = words[1:] if is_name else words
    if words:
        is_type = len(words) == 1 and content_type is None and _WORD.fullmatch(words[0])
        repairs += [] if is_type else [Repair.HEADER_WORDS]
        kept = [word for word in words if content_type is None or word not in _KNOWN_TYPES]
        content_type = " ".join([*([content_type] if content_type else []), *kept])
    return Header(channel, reading.recipient, content_type, "", tuple(repairs))


def break_header(reading: Reading) -> Header:
    """A header without its ``<|message|>``: its rest is the beginning of the body."""
    channel = reading.channel or _nearest_channel("", reading)
    repairs = [*reading.repairs]
    if reading.channel is None:
        is_unknown = reading.has_channel_token and reading.rest.strip()
        repairs.append(Repair.UNKNOWN_CHANNEL if is_unknown else Repair.MISSING_CHANNEL)
    repairs.append(Repair.MISSING_MESSAGE)
    text, content_type = reading.rest, reading.content_type
    if content_type not in (None, *_KNOWN_TYPES):  # of a header that ends; here it is a word
        at = reading.type_at
        text, content_type = f"{text[:at]}{content_type}{text[at:]}", None
    if reading.recipient and content_type is None:
        content_type, text = _take(_ARGUMENTS_TYPE, text)
    return Header(channel, reading.recipient, content_type, text.lstrip(), tuple(repairs))


def is_cut(last: Field, reading: Reading) -> bool:
    """Whether the rest of a header, after which no more came, is half a word of the format."""
    half = reading.rest.strip()
    expected = {Part.ROLE: (Role.ASSISTANT,), Part.CHANNEL: tuple(Channel)}.get(last.part, ())
    is_first = half == last.text.strip()
    return half in ("to", "to=") or (is_first and any(word.startswith(half) for word in expected))


def _nearest_channel(name: str, reading: Reading) -> Channel:
    """The channel that a wrong name was meant for; else where such a message belongs."""
    return _like(name) or (Channel.COMMENTARY if reading.recipient else Channel.FINAL)


def _like(name: str) -> Channel | None:
    """The channel that a wrong name holds or resembles."""
    word = name.lower()
    if found := re.search(_CHANNELS, word):
        return Channel(found[0])
    near = get_close_matches(word, list(Channel), n=1, cutoff=0.75)
    return Channel(near[0]) if near else None


def _take(pattern: re.Pattern[str], text: str) -> tuple[str | None, str]:
    """A word that a text begins with, and what is left; None and all of it if it does not."""
    found = pattern.match(text)
    return (found[1], text[found.end() :]) if found else (None, text)


def _take_recipients(text: str, recipients: list[str]) -> str:
    """Moves every ``to=NAME`` near the beginning into ``recipients``; returns what is left."""
    while found := _RECIPIENT.match(text):
        recipients.append(found[2].strip())
        text = found[1] + text[found.end() :]
    return text
