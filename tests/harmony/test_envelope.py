"""The envelope: whatever is drawn from its masks is well-formed, and what models write is in it."""

from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest

from ossia.harmony import Channel, Parser
from ossia.harmony.envelope import Callee, Envelope, Rules

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
}


def draw(envelope: Envelope, random: Random, specials: frozenset[int]) -> list[int]:
    """An answer drawn from the masks; messages end one time in eight, where they may."""
    ids: list[int] = []
    while not envelope.is_over:
        allowed = np.flatnonzero(envelope.mask())
        assert allowed.size
        ends = [i for i in allowed.tolist() if i in specials]
        is_ending = bool(ends) and (random.random() < 0.125 or len(ends) == allowed.size)
        chosen = random.choice(ends) if is_ending else int(random.choice(allowed))
        envelope.accept(chosen)
        ids.append(chosen)
    return ids


def parse(tokenizer, ids: list[int]) -> Parser:
    parser = Parser(tokenizer)
    for token_id in ids:
        parser.feed(token_id)
    parser.finish()
    return parser


@pytest.mark.parametrize("name", RULES)
def test_what_is_drawn_needs_no_repair_and_keeps_the_rules(small, name: str) -> None:
    rules, random = RULES[name], Random(name)
    specials = frozenset(small.specials.values())
    recipients = {callee.recipient for callee in rules.callees}
    for _ in range(150):
        parser = parse(small, draw(Envelope(small, rules), random, specials))
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
@pytest.mark.parametrize("name", RULES)
def test_openai_harmony_reads_what_is_drawn(o200k, oracle, name: str) -> None:
    import openai_harmony

    random, specials = Random(name), frozenset(o200k.specials.values())
    for _ in range(25):
        ids = draw(Envelope(o200k, RULES[name]), random, specials)
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
    for token_id in encode("<|end|><|start|>assistant<|channel|>final<|message|>"):
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

    def test_in_the_final_message(self, small, digits) -> None:
        random, specials = Random(4), frozenset(small.specials.values())
        rules = Rules(TOOLS, answer=digits)
        for _ in range(60):
            *before, last = parse(small, draw(Envelope(small, rules), random, specials)).messages
            if last.recipient is None:
                assert last.text.isdecimal()
                assert len(last.text) == 4
            assert not any(len(m.text) == 4 and m.text.isdecimal() for m in before)

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
        random, specials = Random(5), frozenset(small.specials.values())
        rules = Rules((Callee("functions.f", grammar=digits), Callee("functions.g")))
        seen = {"functions.f": 0, "functions.g": 0, None: 0}
        for _ in range(80):
            last = parse(small, draw(Envelope(small, rules), random, specials)).messages[-1]
            seen[last.recipient] += 1
            assert (last.text.isdecimal() and len(last.text) == 4) == (
                last.recipient == "functions.f"
            )
        assert all(seen.values())
