"""Which token may come next, so that no answer is malformed: harmony as an automaton over ids.

It knows headers, bodies and the tokens between; it knows no engine, and of grammars only that they
say which text tokens may come. Headers are sequences of ids as the tokenizer writes them, which is
what the model was trained on. ``docs/ideas/envelope.md`` draws the automaton.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ossia.harmony import special
from ossia.harmony.messages import Channel, Role
from ossia.tokenizer import Tokenizer

Mask = NDArray[np.bool_]
"""Which ids are allowed [vocabulary of the tokenizer]."""


class GrammarState(Protocol):
    """Where in a grammar one body is."""

    @property
    def is_ready(self) -> bool:
        """Whether the rest answers at once."""

    @property
    def is_complete(self) -> bool:
        """Whether the body may end here."""

    @property
    def is_over(self) -> bool:
        """Whether the body has to end here."""

    def mask(self) -> Mask:
        """The ordinary tokens that may come next."""

    def forced(self) -> Sequence[int]:
        """The ordinary tokens that must come next; none where the body may end, too."""

    def accept(self, token_id: int) -> None:
        """Goes on by one token."""


class Grammar(Protocol):
    """What a body may say."""

    def start(self) -> GrammarState:
        """The state before the first token."""


@dataclass(frozen=True)
class Callee:
    """Somebody whom the model may call.

    Attributes:
        recipient: as it stands in the header, such as ``functions.get_weather``.
        channels: where such calls are made.
        content_type: what the header may call the arguments; ``json`` follows ``<|constrain|>``.
        grammar: what the arguments may be; None is any text.
    """

    recipient: str
    channels: tuple[Channel, ...] = (Channel.COMMENTARY,)
    content_type: str = "json"
    grammar: Grammar | None = None


@dataclass(frozen=True)
class Rules:
    """What one answer may consist of.

    Attributes:
        callees: whom it may call; for a tool choice of none nobody, for a named tool that one.
        must_call: whether it has to end with a call (the tool choices required and named).
        reasoning_limit: tokens of reasoning, 0 for none at all; None is as many as it likes.
        answer: what the final message may be; None is any text.
    """

    callees: tuple[Callee, ...] = ()
    must_call: bool = False
    reasoning_limit: int | None = None
    answer: Grammar | None = None


class Kind(Enum):
    """What a message is."""

    REASONING = auto()
    PREAMBLE = auto()
    CALL = auto()
    FINAL = auto()


_LAST = (Kind.CALL, Kind.FINAL)
"""After these the answer is over."""


@dataclass(frozen=True, eq=False)
class _Header:
    """What a header means: one object for all the ways to write it."""

    kind: Kind
    grammar: Grammar | None = None


@dataclass
class _Node:
    """A place within the headers: a trie over token ids.

    Attributes:
        headers: those that can still come of it.
        header: set where ``<|message|>`` was the last token.
        children: where each token leads; of those that lead to one header the trained way first.
    """

    headers: set[_Header] = field(default_factory=set)
    header: _Header | None = None
    children: dict[int, "_Node"] = field(default_factory=dict)

    def among(self, kinds: set[Kind]) -> list[_Header]:
        """The headers of some kinds that can still come."""
        return [header for header in self.headers if header.kind in kinds]


@dataclass
class _Body:
    """Within a message's text.

    Attributes:
        has_text: whether anything but white space is there.
    """

    kind: Kind
    grammar: GrammarState | None
    has_text: bool = False

    @property
    def may_end(self) -> bool:
        """What somebody waits for is not empty. Waits for the grammar, if there is one."""
        if self.grammar is not None:
            return self.grammar.is_complete
        return self.has_text or self.kind in (Kind.REASONING, Kind.PREAMBLE)


class Envelope:
    """The state of one answer after a prompt that ends with ``<|start|>assistant``.

    Raises:
        TokenizerError: the vocabulary lacks a control token.
    """

    def __init__(self, tokenizer: Tokenizer, rules: Rules) -> None:
        self._rules = rules
        self._tokens = _tokens_of(tokenizer)
        self._first = _header_trie(tokenizer, rules)
        self._later = _follow(_opening(tokenizer), self._first)
        self._state: _Node | _Body | None = self._first
        self._previous: Kind | None = None
        self._num_reasoning = 0
        self._may_reason = rules.reasoning_limit != 0

    @property
    def is_reasoning(self) -> bool:
        """Whether the text under way is the model's reasoning."""
        return isinstance(self._state, _Body) and self._state.kind is Kind.REASONING

    @property
    def is_over(self) -> bool:
        """Whether the answer is complete, so that nothing need come."""
        return self._state is None

    @property
    def is_ready(self) -> bool:
        """Whether ``mask`` and ``forced`` answer at once."""
        match self._state:
            case _Body(grammar=grammar) if grammar is not None:
                return grammar.is_ready
        return True

    def end_reasoning(self) -> None:
        """From now on there is none: what is under way is closed, and no more begins."""
        self._may_reason = False

    def mask(self) -> Mask:
        """The tokens that may come next, never written to again by anyone."""
        match self._state:
            case _Node() as node:
                return self._tokens.only(_steps(node, self._allowed_kinds(self._previous)))
            case _Body() as body:
                return self._body_mask(body)
        return self._tokens.only([self._tokens.ids[special.RETURN]])

    def forced(self) -> Sequence[int]:
        """The tokens that must come next, in order; none where there is a choice, or at the end.

        Several ways to write the same are no choice: it is the one that the model was trained on.
        """
        match self._state:
            case _Node() as node:
                return self._forced_header(node, self._previous)
            case _Body() as body if self._has_to_end(body):
                end = self._tokens.ends[body.kind][0]
                after = [] if body.kind in _LAST else self._forced_header(self._later, body.kind)
                return [end, *after]
            case _Body(grammar=grammar) if grammar is not None:
                return grammar.forced()
        return ()

    def accept(self, token_id: int) -> None:
        """Goes on by one token.

        Raises:
            ValueError: the token is none that the mask allows.
        """
        match self._state:
            case _Node() as node:
                if token_id not in _steps(node, self._allowed_kinds(self._previous)):
                    raise ValueError(f"token {token_id} has no place in a header here")
                self._enter(node.children[token_id])
            case _Body() as body if token_id in self._tokens.ends[body.kind] and body.may_end:
                self._leave(body.kind)
            case _Body() as body:
                self._say(body, token_id)

    def _enter(self, node: _Node) -> None:
        self._state = node
        if node.header is not None:
            grammar = node.header.grammar
            self._state = _Body(node.header.kind, grammar.start() if grammar else None)

    def _say(self, body: _Body, token_id: int) -> None:
        """One token of a message's text."""
        if not self._tokens.is_text(token_id):
            raise ValueError(f"token {token_id} has no place in a message here")
        body.has_text = body.has_text or self._tokens.says(token_id)
        if body.grammar is not None:
            body.grammar.accept(token_id)
        if body.kind is Kind.REASONING:
            self._num_reasoning += 1
            if self._num_reasoning == self._rules.reasoning_limit:
                self.end_reasoning()

    def _leave(self, kind: Kind) -> None:
        """A message ended: another begins, or the answer is complete."""
        self._previous = kind
        self._state = None if kind in _LAST else self._later

    def _allowed_kinds(self, previous: Kind | None) -> set[Kind]:
        """Messages that may come after one. Neither reasoning nor a preamble follows its like.

        Where a call is demanded, it follows the preamble: an answer cannot put it off for ever.
        Where it is a certain tool's, there is none: nothing is left to tell the user before.
        Where the answer has a grammar, too: whoever reads it gets no other text before it.
        """
        is_call_next = self._rules.must_call or self._rules.answer is not None
        if is_call_next and previous is Kind.PREAMBLE:
            return {Kind.CALL}
        kinds = {Kind.CALL} if self._rules.must_call else {Kind.CALL, Kind.FINAL}
        if self._may_reason and previous is not Kind.REASONING:
            kinds.add(Kind.REASONING)
        is_named = self._rules.must_call and len(self._rules.callees) == 1
        if previous is not Kind.PREAMBLE and not is_named:
            kinds.add(Kind.PREAMBLE)
        return kinds

    def _forced_header(self, node: _Node, previous: Kind | None) -> list[int]:
        """From a place in a header: the tokens up to where it is open which message comes."""
        allowed, ids = self._allowed_kinds(previous), []
        while steps := _steps(node, allowed):
            if len(steps) > 1 and len(node.among(allowed)) > 1:
                break
            ids.append(steps[0])
            node = node.children[steps[0]]
        return ids

    def _has_to_end(self, body: _Body) -> bool:
        if body.kind is Kind.REASONING:
            return not self._may_reason
        return body.grammar is not None and body.grammar.is_over

    def _body_mask(self, body: _Body) -> Mask:
        if body.kind is Kind.REASONING and not self._may_reason:
            return self._tokens.only(self._tokens.ends[body.kind])
        if body.grammar is None:
            return self._tokens.text_and_ends[body.kind] if body.may_end else self._tokens.text
        mask = body.grammar.mask() & self._tokens.text
        if body.may_end:
            mask[list(self._tokens.ends[body.kind])] = True
        return mask


class _Tokens:
    """The vocabulary by what its tokens are for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        names = (special.START, special.END, special.MESSAGE, special.CHANNEL, *special.STOPS)
        self.ids: Mapping[str, int] = {name: tokenizer.special(name) for name in names}
        end = self.ids[special.END]
        # A final message of the prompt ends with <|end|>, so a model may end its own so, too.
        self.ends: Mapping[Kind, tuple[int, ...]] = {
            Kind.REASONING: (end,),
            Kind.PREAMBLE: (end,),
            Kind.CALL: (self.ids[special.CALL],),
            Kind.FINAL: (self.ids[special.RETURN], end),
        }
        self._bytes = tokenizer.token_bytes
        self.text = np.zeros(tokenizer.vocabulary_size, np.bool_)
        self.text[list(tokenizer.ordinary_ids)] = True
        self.text_and_ends = {kind: self._with(ids) for kind, ids in self.ends.items()}

    def is_text(self, token_id: int) -> bool:
        """Whether an id stands for text."""
        return 0 <= token_id < self.text.size and bool(self.text[token_id])

    def says(self, token_id: int) -> bool:
        """Whether a token is more than white space."""
        return bool(self._bytes(token_id).decode(errors="replace").strip())

    def only(self, ids: Iterable[int]) -> Mask:
        """A mask of a few ids."""
        mask = np.zeros_like(self.text)
        mask[list(ids)] = True
        return mask

    def _with(self, ids: Iterable[int]) -> Mask:
        mask = self.text.copy()
        mask[list(ids)] = True
        return mask


@lru_cache(maxsize=4)
def _tokens_of(tokenizer: Tokenizer) -> _Tokens:
    """A vocabulary's tokens, told apart once."""
    return _Tokens(tokenizer)


def _opening(tokenizer: Tokenizer) -> list[int]:
    return [tokenizer.special(special.START), *tokenizer.encode(Role.ASSISTANT)]


def _follow(ids: list[int], node: _Node) -> _Node:
    """The place from which these ids lead to a node."""
    for token_id in reversed(ids):
        node = _Node(node.headers, None, {token_id: node})
    return node


def _steps(node: _Node, kinds: set[Kind]) -> list[int]:
    """The ids that lead from a place in a header to a message of some kinds."""
    return [token_id for token_id, child in node.children.items() if child.among(kinds)]


def _header_trie(tokenizer: Tokenizer, rules: Rules) -> _Node:
    root = _Node()
    for parts, header in _headers(rules):
        if special.CONSTRAIN in parts and special.CONSTRAIN not in tokenizer.specials:
            continue
        node = root
        node.headers.add(header)
        for token_id in _ids(tokenizer, parts):
            node = node.children.setdefault(token_id, _Node())
            node.headers.add(header)
        node.header = header
    return root


def _headers(rules: Rules) -> Iterator[tuple[tuple[str, ...], _Header]]:
    """Every header that an answer may have, as control tokens and the text between.

    Of the ways to write one, the first is what OpenAI's description of the format shows.
    """
    plain = {Channel.ANALYSIS: Kind.REASONING, Channel.FINAL: Kind.FINAL}
    if rules.callees:
        plain[Channel.COMMENTARY] = Kind.PREAMBLE
    for channel, kind in plain.items():
        grammar = rules.answer if kind is Kind.FINAL else None
        yield (special.CHANNEL, channel, special.MESSAGE), _Header(kind, grammar)
    for callee in rules.callees:
        recipient = f" to={callee.recipient}"
        for channel in callee.channels:
            header = _Header(Kind.CALL, callee.grammar)
            in_channel = (special.CHANNEL, f"{channel}{recipient}")
            in_role = (recipient, special.CHANNEL, channel)
            for place in (in_channel, in_role):
                for content_type in _content_types(callee.content_type):
                    yield (*_joined(place, content_type), special.MESSAGE), header


def _content_types(name: str) -> Iterator[tuple[str, ...]]:
    """The ways to write a content type: for JSON behind its own token, its word, none."""
    if name == "json":
        yield (" ", special.CONSTRAIN, name)
    yield (f" {name}",)
    yield ("",)


def _joined(parts: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Two runs of parts, text joined with text, as the tokenizer is to see it."""
    return (*parts[:-1], parts[-1] + more[0], *more[1:])


def _ids(tokenizer: Tokenizer, parts: Iterable[str]) -> list[int]:
    ids: list[int] = []
    for part in parts:
        is_control = part in tokenizer.specials
        ids += [tokenizer.special(part)] if is_control else tokenizer.encode(part)
    return ids
