"""The envelope: whatever is drawn from its masks is well-formed, and what models write is in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random

import numpy as np
import pytest
from tests.conftest import HARMONY

from ossia.harmony import Channel, Parser
from ossia.harmony.envelope import Callee, Envelope, Rules
from ossia.tokenizer import Tokenizer, load_tokenizer

TOOLS = (
    Callee("functions.get_weather"),
    Callee("functions.get_time"),
    Callee("python", (Channel.ANALYSIS, Channel.COMMENTARY), "code"),
)
RULES = {
    "plain": Rules(),
    "no reasoning": Rules(reasoning_limit=0),
    "little reasoning": Rules(reasoning_limit=3),
    "tools": Rules(TOOLS),
    "required": Rules(TOOLS, must_call=True),
    "named": Rules(TOOLS[:1], must_call=True, reasoning_limit=2),
    "named, no reasoning": Rules(TOOLS[2:], must_call=True, reasoning_limit=0),
}


def choose(envelope: Envelope, tokenizer: Tokenizer, random: Random) -> int:
    """A token of the mask; messages end one time in eight, where they may."""
    mask = envelope.mask()
    allowed = np.flatnonzero(mask)
    ends = [token_id for token_id in tokenizer.specials.values() if mask[token_id]]
    is_ending = bool(ends) and (random.random() < 0.125 or len(ends) == allowed.size)
    return random.choice(ends) if is_ending else int(random.choice(allowed))


def draw(tokenizer: Tokenizer, rules: Rules, random: Random) -> list[int]:
    """An answer drawn from the masks."""
    envelope, ids = Envelope(tokenizer, rules), []
    while not envelope.is_over:
        ids.append(choose(envelope, tokenizer, random))
        envelope.accept(ids[-1])
    return ids


def runs(tokenizer: Tokenizer, rules: Rules, random: Random) -> Iterator[list[int]]:
    """The same as an engine draws it that jumps ahead: one chosen, or all that must follow.

    A second state, which does not jump, has to allow the same tokens one by one.
    """
    envelope, slow = Envelope(tokenizer, rules), Envelope(tokenizer, rules)
    while not envelope.is_over:
        ids = list(envelope.forced())
        if not ids:
            assert np.count_nonzero(envelope.mask()) > 1
            ids = [choose(envelope, tokenizer, random)]
        for token_id in ids:
            assert slow.mask()[token_id]
            slow.accept(token_id)
            envelope.accept(token_id)
        yield ids
    assert slow.is_over
    assert list(envelope.forced()) == []


def jump(tokenizer: Tokenizer, rules: Rules, random: Random) -> list[int]:
    """An answer drawn with jumps."""
    return list(chain.from_iterable(runs(tokenizer, rules, random)))


def parse(tokenizer, ids: list[int]) -> Parser:
    parser = Parser(tokenizer)
    for token_id in ids:
        parser.feed(token_id)
    parser.finish()
    return parser


@pytest.mark.parametrize("drawn", [draw, jump])
@pytest.mark.parametrize("name", RULES)
def test_what_is_drawn_needs_no_repair_and_keeps_the_rules(small, name: str, drawn) -> None:
    rules, random = RULES[name], Random(name)
    recipients = {callee.recipient for callee in rules.callees}
    for _ in range(100):
        parser = parse(small, drawn(small, rules, random))
        assert parser.repairs == ()
        assert parser.is_turn_over
        *before, last = parser.messages
        assert all(message.recipient is None for message in before)
        assert last.recipient in recipients if last.recipient else last.channel is Channel.FINAL
        assert last.text  # nobody gets an empty answer
        assert last.recipient or not rules.must_call
        if rules.reasoning_limit == 0:
            assert all(message.channel is not Channel.ANALYSIS for message in before)
        if not rules.callees:
            assert all(message.channel is Channel.ANALYSIS for message in before)


@pytest.mark.o200k
@pytest.mark.parametrize("drawn", [draw, jump])
@pytest.mark.parametrize("name", RULES)
def test_openai_harmony_reads_what_is_drawn(o200k, oracle, name: str, drawn) -> None:
    import openai_harmony

    random = Random(name)
    for _ in range(20):
        ids = drawn(o200k, RULES[name], random)
        stream = openai_harmony.StreamableParser(oracle, openai_harmony.Role.ASSISTANT, strict=True)
        for token_id in ids:
            stream.process(token_id)
        stream.process_eos()
        ours = [(m.channel, m.recipient) for m in parse(o200k, ids).messages]
        theirs = [(m.channel, m.recipient) for m in stream.messages]
        assert ours == [(channel, to) for channel, to in theirs]


NATURAL = [
    "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>",
    "<|channel|>final<|message|>Hi<|end|>",
    "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant<|channel|>commentary"
    " to=functions.get_weather <|constrain|>json<|message|>{}<|call|>",
    " to=functions.get_time<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.get_time json<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.get_time<|message|>{}<|call|>",
    "<|channel|>analysis to=python code<|message|>1 + 1<|call|>",
    "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>analysis to=python code"
    "<|message|>print('<>')<|call|>",
]


@pytest.mark.o200k
@pytest.mark.parametrize("output", NATURAL)
def test_what_models_write_is_allowed_as_openai_harmony_encodes_it(o200k, oracle, output) -> None:
    envelope = Envelope(o200k, Rules(TOOLS))
    for token_id in oracle.encode(output, allowed_special="all"):
        assert envelope.mask()[token_id], o200k.decode([token_id])
        envelope.accept(token_id)
    assert envelope.is_over


ILLEGAL = [
    "<|message|>",
    "Hi",
    "<|channel|>finale",
    "<|channel|>final<|message|><|return|>",
    "<|channel|>final<|message|> \n<|end|>",
    "<|channel|>final<|message|>Hi<|call|>",
    "<|channel|>final<|message|>Hi<|channel|>",
    "<|channel|>final<|message|>Hi<|endoftext|>",
    "<|channel|>final<|message|>Hi<|reserved_200013|>",
    "<|channel|>analysis<|message|>Hm<|return|>",
    "<|channel|>analysis<|message|>Hm<|end|><|end|>",
    "<|channel|>analysis<|message|>Hm<|end|>assistant",
    "<|channel|>analysis<|message|>Hm<|end|><|start|>user",
    "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>analysis<|message|>",
    "<|channel|>commentary to=functions.rm",
    "<|channel|>commentary to=functions.get_weather<|message|>{}<|end|>",
    "<|channel|>final to=",
]


@pytest.mark.parametrize("output", ILLEGAL)
def test_what_is_malformed_is_not_allowed(small, encode, output: str) -> None:
    envelope = Envelope(small, Rules(TOOLS))
    for token_id in encode(output):
        if not envelope.mask()[token_id]:
            with pytest.raises(ValueError, match="no place"):
                envelope.accept(token_id)
            return
        envelope.accept(token_id)
    pytest.fail("all of it was allowed")


def test_without_tools_there_is_no_commentary(small, encode) -> None:
    envelope = Envelope(small, Rules())
    envelope.accept(small.special("<|channel|>"))
    assert not envelope.mask()[encode("commentary")[0]]


def test_reasoning_is_capped_and_the_answer_follows(small, encode) -> None:
    envelope = Envelope(small, Rules(reasoning_limit=3))
    for token_id in encode("<|channel|>analysis<|message|>abc"):
        envelope.accept(token_id)
    ahead = encode("<|end|><|start|>assistant<|channel|>final<|message|>")
    assert envelope.forced() == ahead
    for token_id in ahead:
        assert np.flatnonzero(envelope.mask()).tolist() == [token_id]
        envelope.accept(token_id)
    assert envelope.mask()[encode("a")[0]]


def test_reasoning_can_be_ended_from_outside(small, encode) -> None:
    envelope = Envelope(small, Rules())
    for token_id in encode("<|channel|>analysis<|message|>abc"):
        envelope.accept(token_id)
    assert envelope.is_reasoning
    envelope.end_reasoning()
    assert np.flatnonzero(envelope.mask()).tolist() == encode("<|end|>")


NAMED = Rules(TOOLS[:1], must_call=True)
CALL = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
PYTHON = "<|channel|>analysis to=python code<|message|>"
THOUGHT = "<|channel|>analysis<|message|>Hm<|end|>"


@pytest.mark.parametrize(
    ("rules", "said", "ahead"),
    [
        (Rules(), "", "<|channel|>"),
        (Rules(), "<|channel|>anal", "ysis<|message|>"),
        (Rules(), THOUGHT, "<|start|>assistant<|channel|>final<|message|>"),
        (Rules(reasoning_limit=0), "", "<|channel|>final<|message|>"),
        (Rules(TOOLS), "", ""),  # a call may be addressed before its channel
        (Rules(TOOLS), THOUGHT, "<|start|>assistant"),
        (Rules(TOOLS), " to=functions.get_", ""),
        (
            Rules(TOOLS),
            " to=functions.get_t",
            "ime<|channel|>commentary <|constrain|>json<|message|>",
        ),
        (
            Rules(TOOLS),
            "<|channel|>commentary to=functions.get_t",
            "ime <|constrain|>json<|message|>",
        ),
        (Rules(TOOLS), "<|channel|>commentary to=functions.get_time j", "son<|message|>"),
        (NAMED, "", ""),  # it may think before
        (NAMED, THOUGHT, f"<|start|>assistant{CALL}"),
        (NAMED, "<|channel|>c", CALL.removeprefix("<|channel|>c")),
        (replace(NAMED, reasoning_limit=0), "", CALL),
        (
            Rules(TOOLS[2:], must_call=True),
            f"{THOUGHT}<|start|>assistant<|channel|>ana",
            PYTHON[14:],
        ),
        (Rules(TOOLS[2:], must_call=True), f"{THOUGHT}<|start|>assistant{PYTHON}1", ""),
    ],
)
def test_what_is_written_in_one_way_is_known_ahead(small, encode, rules, said, ahead) -> None:
    envelope = Envelope(small, rules)
    for token_id in encode(said):
        envelope.accept(token_id)
    assert list(envelope.forced()) == encode(ahead)


def test_a_named_tool_is_called_without_a_preamble(small, encode) -> None:
    envelope = Envelope(small, NAMED)
    for token_id in encode("<|channel|>commentary"):
        envelope.accept(token_id)
    assert not envelope.mask()[small.special("<|message|>")]


def test_without_its_token_json_is_announced_in_words(write_vocabulary) -> None:
    names = [name for name in HARMONY if name != "<|constrain|>"]
    tokenizer = load_tokenizer(json=write_vocabulary(names))
    ahead = Envelope(tokenizer, replace(NAMED, reasoning_limit=0)).forced()
    assert tokenizer.decode(ahead) == CALL.replace("<|constrain|>", "")


@pytest.mark.o200k
@pytest.mark.parametrize(
    ("rules", "output", "num_tokens", "num_chosen"),
    [
        (Rules(), f"{THOUGHT}<|start|>assistant<|channel|>final<|message|>Hi<|return|>", 12, 5),
        (Rules(reasoning_limit=0), "<|channel|>final<|message|>Hi<|return|>", 5, 2),
        (NAMED, f"{THOUGHT}<|start|>assistant{CALL}{{}}<|call|>", 21, 6),
        (replace(NAMED, reasoning_limit=0), f"{CALL}{{}}<|call|>", 14, 2),
    ],
)
def test_few_tokens_of_an_answer_need_a_pass(
    o200k, encode_output, rules, output, num_tokens, num_chosen
) -> None:
    ids = encode_output(o200k, output)
    envelope, rest, num_asked = Envelope(o200k, rules), ids, 0
    while rest:
        ahead = list(envelope.forced())
        num_asked += not ahead
        assert ahead == rest[: len(ahead)]
        for token_id in ahead or rest[:1]:
            envelope.accept(token_id)
        rest = rest[len(ahead) or 1 :]
    assert (len(ids), num_asked) == (num_tokens, num_chosen)


@dataclass
class Digits:
    """A grammar: exactly so many digits."""

    ids: list[int]
    count: int
    vocabulary: int

    def start(self) -> "DigitsState":
        return DigitsState(self)


@dataclass
class DigitsState:
    grammar: Digits
    said: list[int] = field(default_factory=list)
    is_ready: bool = True

    @property
    def is_complete(self) -> bool:
        return len(self.said) == self.grammar.count

    is_over = is_complete

    def forced(self) -> tuple[int, ...]:
        return ()

    def mask(self):
        mask = np.zeros(self.grammar.vocabulary, np.bool_)
        mask[self.grammar.ids] = not self.is_complete
        return mask

    def accept(self, token_id: int) -> None:
        self.said.append(token_id)


class TestGrammars:
    """A grammar holds within its own body and nowhere else."""

    @pytest.fixture
    def digits(self, small) -> Digits:
        return Digits(small.encode("0123456789"), 4, small.vocabulary_size)

    @pytest.mark.parametrize("drawn", [draw, jump])
    def test_in_the_final_message(self, small, digits, drawn) -> None:
        random, rules = Random(4), Rules(TOOLS, answer=digits)
        for _ in range(60):
            *before, last = parse(small, drawn(small, rules, random)).messages
            if last.recipient is None:
                assert last.text.isdecimal()
                assert len(last.text) == 4
            assert not any(len(m.text) == 4 and m.text.isdecimal() for m in before)

    @pytest.mark.parametrize(
        ("header", "end"),
        [("<|channel|>final<|message|>", "<|return|>"), (CALL, "<|call|>")],
    )
    def test_where_it_is_at_its_end_the_message_ends(
        self, small, encode, digits, header, end
    ) -> None:
        callee = replace(TOOLS[0], grammar=digits)
        envelope = Envelope(small, Rules((callee,), answer=digits))
        for token_id in encode(f"{header}123"):
            envelope.accept(token_id)
        assert list(envelope.forced()) == []
        envelope.accept(encode("4")[0])
        assert list(envelope.forced()) == encode(end)

    def test_no_other_text_comes_before_a_structured_answer(self, small, encode, digits) -> None:
        """Whoever reads what is said to the user reads the grammar's text and nothing else."""
        envelope = Envelope(small, Rules(TOOLS, answer=digits))
        preamble = "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant"
        for token_id in encode(f"{preamble}<|channel|>"):
            envelope.accept(token_id)
        allowed = envelope.mask()
        assert allowed[encode("commentary")[0]]
        assert not allowed[encode("final")[0]]
        for token_id in encode("commentary"):
            envelope.accept(token_id)
        assert not envelope.mask()[small.special("<|message|>")]

    def test_in_the_arguments_of_one_tool(self, small, digits) -> None:
        random = Random(5)
        rules = Rules((Callee("functions.f", grammar=digits), Callee("functions.g")))
        seen = {"functions.f": 0, "functions.g": 0, None: 0}
        for _ in range(80):
            last = parse(small, draw(small, rules, random)).messages[-1]
            seen[last.recipient] += 1
            assert (last.text.isdecimal() and len(last.text) == 4) == (
                last.recipient == "functions.f"
            )
        assert all(seen.values())
