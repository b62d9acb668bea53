"""The breaker: a loop in the reasoning ends it, and the answer follows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from jsonschema import validate

from ossia.chat.constraint import AnswerConstraint
from ossia.chat.demands import Demands, NamedTool, rules_of
from ossia.chat.structured import Grammars
from ossia.harmony import Developer, Parser, ResponseFormat, Tool
from ossia.harmony.envelope import Envelope, Rules
from ossia.tokenizer import Tokenizer, load_tokenizer

WEATHER: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "location": {"type": "string"},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "num_days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["location", "unit", "num_days"],
    "additionalProperties": False,
}
ORDER: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"enum": ["pending", "shipped", "delivered"]},
        "customer": {
            "type": "object",
            "properties": {"first_name": {"type": "string"}, "postal_code": {"type": "string"}},
            "required": ["first_name", "postal_code"],
            "additionalProperties": False,
        },
    },
    "required": ["status", "customer"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("unit", ["a", "so it is. "])
def test_a_loop_in_the_reasoning_is_ended_and_counted(harmony_json, encode_output, unit) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    constraint = AnswerConstraint(Envelope(tokenizer, Rules()))
    for token_id in encode_output(tokenizer, "<|channel|>analysis<|message|>Hm."):
        constraint.accept(token_id)
    end = tokenizer.special("<|end|>")
    num_said = 0
    while np.flatnonzero(constraint.mask()).tolist() != [end]:
        constraint.accept(tokenizer.encode(unit)[num_said % len(tokenizer.encode(unit))])
        num_said += 1
    assert 300 <= num_said <= 301
    assert constraint.num_loops == 1
    for token_id in encode_output(
        tokenizer, "<|end|><|start|>assistant<|channel|>final<|message|>"
    ):
        assert np.flatnonzero(constraint.mask()).tolist() == [token_id]
        constraint.accept(token_id)


def test_the_same_words_in_an_answer_are_no_loop(harmony_json, encode_output) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    constraint = AnswerConstraint(Envelope(tokenizer, Rules()))
    for token_id in encode_output(tokenizer, "<|channel|>final<|message|>" + "ha " * 400):
        constraint.accept(token_id)
    assert constraint.num_loops == 0
    assert constraint.mask().sum() > 200


STRICT = Demands(NamedTool("functions.get_weather"), frozenset({"functions.get_weather"}))
QUICK = replace(STRICT, reasoning_limit=0)
CASES = {
    "plain": (Demands(), Developer()),
    "quick": (Demands(reasoning_limit=0), Developer()),
    "a tool": (STRICT, Developer(tools=(Tool("get_weather", "", WEATHER),))),
    "a tool, quick": (QUICK, Developer(tools=(Tool("get_weather", "", WEATHER),))),
    "a form": (Demands(), Developer(response_format=ResponseFormat("order", ORDER))),
}


class Case:
    """The rules of one case for a vocabulary; states of them."""

    def __init__(self, name: str, tokenizer: Tokenizer, grammars: Grammars) -> None:
        demands, developer = CASES[name]
        self.rules = rules_of((developer,), demands, grammars.compile)
        self.tokenizer = tokenizer

    def start(self) -> tuple[Envelope, AnswerConstraint]:
        envelope = Envelope(self.tokenizer, self.rules)
        return envelope, AnswerConstraint(envelope)

    def jump(self, random: Random) -> list[int]:
        """An answer drawn as an engine does that jumps ahead, soon brought to its end.

        A second state, which does not jump, has to allow the same tokens one by one.
        """
        (envelope, constraint), (_, slow) = self.start(), self.start()
        ids: list[int] = []
        while not envelope.is_over:
            run = list(constraint.forced()) or [self._choose(constraint.mask(), random)]
            for token_id in run:
                assert slow.mask()[token_id]
                slow.accept(token_id)
                constraint.accept(token_id)
            ids += run
        return ids

    def _choose(self, mask, random: Random) -> int:
        allowed = np.flatnonzero(mask)
        assert allowed.size > 1
        tokenizer = self.tokenizer
        closing = [*tokenizer.specials.values(), *(tokenizer.encode(c)[0] for c in '"]}')]
        closing = [token_id for token_id in closing if mask[token_id]]
        is_closing = bool(closing) and random.random() < 0.3
        return random.choice(closing) if is_closing else int(random.choice(allowed))


@pytest.fixture(scope="module")
def small(harmony_json) -> tuple[Tokenizer, Grammars]:
    tokenizer = load_tokenizer(json=harmony_json)
    return tokenizer, Grammars(tokenizer)


@pytest.fixture(scope="module")
def real(o200k_path) -> tuple[Tokenizer, Grammars]:
    tokenizer = load_tokenizer(ranks=o200k_path)
    return tokenizer, Grammars(tokenizer)


def assert_answers(name: str, recipient: str | None, text: str) -> None:
    """The last message is what the case demands."""
    assert recipient == ("functions.get_weather" if "tool" in name else None)
    if "tool" in name or "form" in name:
        validate(json.loads(text), ORDER if "form" in name else WEATHER)


@pytest.mark.parametrize("name", CASES)
def test_answers_with_jumps_are_whole_and_valid(small, name: str) -> None:
    case, random = Case(name, *small), Random(name)
    for _ in range(25):
        parser = Parser(case.tokenizer)
        for token_id in case.jump(random):
            parser.feed(token_id)
        parser.finish()
        assert parser.repairs == ()
        assert parser.is_turn_over
        last = parser.messages[-1]
        assert_answers(name, last.recipient, last.text)


@pytest.mark.o200k
@pytest.mark.parametrize("name", CASES)
def test_openai_harmony_reads_answers_with_jumps(real, oracle, name: str) -> None:
    import openai_harmony

    case, random = Case(name, *real), Random(name)
    for _ in range(8):
        stream = openai_harmony.StreamableParser(oracle, openai_harmony.Role.ASSISTANT, strict=True)
        for token_id in case.jump(random):
            stream.process(token_id)
        stream.process_eos()
        last = stream.messages[-1]
        assert_answers(name, last.recipient, last.content[0].text)


THOUGHT = "<|channel|>analysis<|message|>The user wants it so.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>"
CALL = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
PARIS = '{"location": "Paris", "unit": "celsius", "num_days": 5}'
ADA = '{"status": "shipped", "customer": {"first_name": "Ada", "postal_code": "W1"}}'


@pytest.mark.o200k
@pytest.mark.parametrize(
    ("name", "output", "num_tokens", "num_chosen"),
    [
        ("plain", f"{THOUGHT}{FINAL}So it is.<|return|>", 20, 13),
        ("quick", f"{FINAL}So it is.<|return|>", 8, 5),
        ("a tool", f"{THOUGHT}{CALL}{PARIS}<|call|>", 45, 24),
        ("a tool", f"{THOUGHT}{CALL}{PARIS.replace(' ', '')}<|call|>", 40, 19),
        ("a tool, quick", f"{CALL}{PARIS}<|call|>", 33, 15),
        ("a form", f"{THOUGHT}{FINAL}{ADA}<|return|>", 41, 26),
        ("a form", f"{THOUGHT}{FINAL}{ADA.replace(' ', '')}<|return|>", 35, 20),
    ],
)
def test_few_tokens_of_an_answer_are_chosen(
    real, encode_output, name, output, num_tokens, num_chosen
) -> None:
    """As a model writes it: what is forced is what it would have written, token for token."""
    case = Case(name, *real)
    _, constraint = case.start()
    rest = ids = encode_output(case.tokenizer, output)
    num_asked = 0
    while rest:
        ahead = list(constraint.forced())
        num_asked += not ahead
        assert ahead == rest[: len(ahead)]
        for token_id in ahead or rest[:1]:
            constraint.accept(token_id)
        rest = rest[len(ahead) or 1 :]
    assert (len(ids), num_asked) == (num_tokens, num_chosen)
