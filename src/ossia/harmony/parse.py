"""The model's tokens to messages, while they come.

It knows harmony's control tokens and what a model makes of them; it knows no engine. A model's
output is data: no sequence of ids raises, no text of a message is lost, no control token becomes
text, and what had to be mended has a name (``Repair``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ossia.harmony import special
from ossia.harmony.header import (
    MAX_LENGTH,
    Field,
    Header,
    Part,
    break_header,
    close_header,
    is_cut,
    read_header,
)
from ossia.harmony.messages import Channel
from ossia.harmony.repair import Repair
from ossia.tokenizer import IncrementalDecoder, Tokenizer

_CONTROLS = (
    special.START,
    special.END,
    special.MESSAGE,
    special.CHANNEL,
    special.CONSTRAIN,
    special.RETURN,
    special.CALL,
    special.END_OF_TEXT,
)


@dataclass(frozen=True)
class Delta:
    """A piece of a message's text, never half a character.

    It is empty once at the beginning of every call, which need not have any text, and else never.
    """

    channel: Channel
    recipient: str | None
    text: str


@dataclass(frozen=True)
class ParsedMessage:
    """A message that the model wrote.

    Attributes:
        recipient: the tool that it calls.
        content_type: the form of the text, in the model's word, such as ``json``.
    """

    channel: Channel
    recipient: str | None
    content_type: str | None
    text: str


@dataclass(frozen=True)
class _InHeader:
    """Before a message's text; between messages too, where the first field is OUTSIDE."""

    fields: list[Field]


@dataclass(frozen=True)
class _InBody:
    """Within a message's text."""

    header: Header
    pieces: list[str] = field(default_factory=list)


_State = _InHeader | _InBody


class Parser:
    """Reads what a model says after a prompt that ends with ``<|start|>assistant``.

    A message without a channel, or on an unknown one, counts as final, so that its reader sees it;
    if it calls a tool it counts as commentary.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        specials = tokenizer.specials
        self._controls = {specials[name]: name for name in _CONTROLS if name in specials}
        self._tokenizer = tokenizer
        self._decoder = IncrementalDecoder(tokenizer)
        self._state: _State = _InHeader([Field(Part.AFTER_ROLE)])
        self._repairs: list[Repair] = []
        self._messages: list[ParsedMessage] = []
        self._is_turn_over = False

    @property
    def is_turn_over(self) -> bool:
        """Whether the model has said all, so that no more tokens need be asked of it.

        It has after a token that stops it, and after a sound final message that ends with
        ``<|end|>``, as those in its prompt do: what follows would be somebody else's turn.
        """
        return self._is_turn_over

    @property
    def channel(self) -> Channel | None:
        """The channel of the message whose text is under way; None in a header or between."""
        return self._state.header.channel if isinstance(self._state, _InBody) else None

    @property
    def recipient(self) -> str | None:
        """The tool that the message under way calls."""
        return self._state.header.recipient if isinstance(self._state, _InBody) else None

    @property
    def repairs(self) -> tuple[str, ...]:
        """Names of what was mended (see ``Repair``), each as often as it was."""
        return tuple(self._repairs)

    @property
    def messages(self) -> tuple[ParsedMessage, ...]:
        """The messages that are complete."""
        return tuple(self._messages)

    def feed(self, token_id: int) -> Sequence[Delta]:
        """The text that is certain with this token; mostly one piece, or none."""
        if name := self._controls.get(token_id):
            return self._text(self._decoder.finish()) + self._control(name)
        if self._is_text(token_id):
            return self._text(self._decoder.feed(token_id))
        self._repairs.append(Repair.UNKNOWN_TOKEN)
        return self._text(self._decoder.finish())

    def finish(self) -> Sequence[Delta]:
        """The text that was still uncertain when no more tokens come. More calls give nothing.

        A message that was cut off is complete now: it is no repair, for why no more tokens came
        is not the model's affair.
        """
        deltas = self._text(self._decoder.finish())
        match self._state:
            case _InBody():
                self._end_message()
            case _InHeader(fields):
                deltas += self._cut_header(fields)
        is_empty = not any(message.text or message.recipient for message in self._messages)
        if is_empty and Repair.EMPTY_ANSWER not in self._repairs:
            self._repairs.append(Repair.EMPTY_ANSWER)
        self._state = _InHeader([Field(Part.OUTSIDE)])
        return deltas

    def _is_text(self, token_id: int) -> bool:
        is_known = 0 <= token_id < self._tokenizer.vocabulary_size
        return is_known and not self._tokenizer.is_special(token_id)

    def _text(self, text: str) -> list[Delta]:
        """Characters that the model wrote, wherever it is."""
        if not text:
            return []
        match self._state:
            case _InBody(header, pieces):
                pieces.append(text)
                return [Delta(header.channel, header.recipient, text)]
            case _InHeader(fields):
                fields[-1].text += text
                reading = read_header(fields)
                if reading.is_text or sum(len(field.text) for field in fields) > MAX_LENGTH:
                    return self._begin_message(fields, break_header(reading))
        return []

    def _control(self, name: str) -> list[Delta]:
        """A control token, where it belongs and where it does not."""
        self._is_turn_over |= name in special.STOPS or (name == special.END and self._is_answered())
        match self._state, name:
            case _InHeader(fields), special.MESSAGE:
                return self._end_header(fields)
            case _InHeader(fields), special.CHANNEL:
                return self._name_channel(fields)
            case _InHeader(fields), special.CONSTRAIN:
                _append(fields, Part.CONSTRAIN)
                return []
            case _InHeader(fields), _:
                return self._leave_header(fields, name)
            case _InBody(), special.MESSAGE | special.CONSTRAIN:
                self._repairs.append(Repair.STRAY_TOKEN)
                return []
            case _:
                self._leave_body(name)
                return []

    def _end_header(self, fields: list[Field]) -> list[Delta]:
        """``<|message|>``, after a header or after the beginning of an answer that has none."""
        reading = read_header(fields)
        if fields[0].part is Part.ROLE or not reading.is_like_text:
            return self._begin_message(fields, close_header(reading))
        deltas = self._begin_message(fields, break_header(reading))
        self._repairs.append(Repair.STRAY_TOKEN)
        return deltas

    def _begin_message(self, fields: list[Field], header: Header) -> list[Delta]:
        if fields[0].part is Part.OUTSIDE:
            self._repairs.append(Repair.MISSING_START)
        self._repairs += header.repairs
        self._state = _InBody(header)
        call = [Delta(header.channel, header.recipient, "")] if header.recipient else []
        return call + self._text(header.text)

    def _name_channel(self, fields: list[Field]) -> list[Delta]:
        """``<|channel|>`` in a header; if text stands before it, a header of its own."""
        reading = read_header(fields)
        is_text = any(map(str.isalnum, reading.rest)) and fields[-1].part is not Part.ROLE
        deltas: list[Delta] = []
        if is_text:
            deltas = self._begin_message(fields, break_header(reading))
            self._leave_body(special.CHANNEL)
        else:
            _append(fields, Part.CHANNEL)
        return deltas

    def _leave_header(self, fields: list[Field], name: str) -> list[Delta]:
        """A token that ends or begins a message comes where ``<|message|>`` should."""
        reading = read_header(fields)
        deltas: list[Delta] = []
        if not reading.is_blank:
            deltas = self._begin_message(fields, break_header(reading))
            self._leave_body(name)
            return deltas
        if fields[0].part is not Part.OUTSIDE:
            self._repairs.append(Repair.EMPTY_HEADER)
        elif name != special.START:
            self._repairs.append(Repair.STRAY_TOKEN)
        self._state = _InHeader([Field(Part.ROLE if name == special.START else Part.OUTSIDE)])
        return deltas

    def _leave_body(self, name: str) -> None:
        """The text of a message is over, by the token that should end it or by another."""
        self._end_message()
        match name:
            case special.START:
                self._repairs.append(Repair.MISSING_END)
                fields = [Field(Part.ROLE)]
            case special.CHANNEL:
                self._repairs.append(Repair.MISSING_END)
                fields = [Field(Part.AFTER_ROLE), Field(Part.CHANNEL)]
            case special.END_OF_TEXT:
                self._repairs.append(Repair.END_OF_TEXT)
                fields = [Field(Part.OUTSIDE)]
            case _:
                fields = [Field(Part.OUTSIDE)]
        self._state = _InHeader(fields)

    def _cut_header(self, fields: list[Field]) -> list[Delta]:
        """No more tokens came, in a header or between messages."""
        reading = read_header(fields)
        if fields[0].part is Part.OUTSIDE and reading.is_blank:
            return []
        self._repairs.append(Repair.CUT_HEADER)
        if not reading.rest.strip() or is_cut(fields[-1], reading):
            return []
        deltas = self._begin_message(fields, break_header(reading))
        self._end_message()
        return deltas

    def _is_answered(self) -> bool:
        """Whether the message under way is an answer, by its own header and not by a repair."""
        match self._state:
            case _InBody(Header(Channel.FINAL, None, repairs=()), pieces):
                return any(map(str.strip, pieces))
        return False

    def _end_message(self) -> None:
        if isinstance(self._state, _InBody):
            header, text = self._state.header, "".join(self._state.pieces)
            self._messages.append(
                ParsedMessage(header.channel, header.recipient, header.content_type, text)
            )


def _append(fields: list[Field], part: Part) -> None:
    """Opens the next place of a header, instead of the last one if nothing came there."""
    if len(fields) > 1 and not fields[-1].text:
        fields.pop()
    fields.append(Field(part))
