"""What a mask costs on the real vocabulary, and how much of it the engine's step waits for.

    python benchmarks/masks.py --ranks o200k_base.tiktoken      (nano's vocabulary otherwise)

A mask of JSON is computed on a thread while the model computes the next logits; the cost is told
as one thread sees it, for each token of each text. The masks of harmony's own tokens (headers, free
text) are made when asked for. The last table is the time between the choice of a token and the
return to the engine, and the time that the engine waits for a mask after a pass of 5 ms.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ossia import hub
from ossia.chat.structured import Grammars
from ossia.harmony.envelope import Callee, Envelope, Rules
from ossia.tokenizer import Tokenizer, load_tokenizer

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "born": {"type": "string", "format": "date"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
        "home": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/place"}]},
    },
    "required": ["name", "born", "age", "tags", "home"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"pattern": "^[0-9]{5}$"}},
            "required": ["city", "zip"],
        }
    },
}
ADA = {
    "name": "Ada Lovelace",
    "born": "1815-12-10",
    "age": 36,
    "tags": ["mathematics", "poetical science", "수학", "notes on the Analytical Engine"],
    "home": {"city": "London", "zip": "12345"},
}
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "a person, many rules": (PERSON, ADA),
    "any JSON": ({}, [ADA, {"deep": [[[1.5, None, True]]], "text": "so it is. " * 20}]),
    "any object": ({"type": "object"}, ADA),
    "words of a list": (
        {"type": "array", "items": {"enum": ["red", "green", "blue"]}},
        ["red"] * 40,
    ),
}


def ids_of(value: Any, tokenizer: Tokenizer) -> list[int]:
    """A value as a model writes it."""
    return tokenizer.encode(json.dumps(value, ensure_ascii=False))


def tell(label: str, seconds: list[float]) -> None:
    """One line: how many, median, nine tenths, the worst."""
    micro = np.array(seconds) * 1e6
    middle, most, worst = np.percentile(micro, [50, 90, 100])
    sys.stdout.write(f"{label:34} {micro.size:6} {middle:9.1f} {most:9.1f} {worst:9.1f}\n")


def grammar_masks(grammars: Grammars, tokenizer: Tokenizer, repeat: int) -> list[float]:
    """Tells of every case; returns all the times together."""
    everything: list[float] = []
    for label, (schema, value) in CASES.items():
        seconds = []
        for _ in range(repeat):
            state = grammars.compile(schema).start()
            for token_id in ids_of(value, tokenizer):
                assert state.mask()[token_id]
                start = time.perf_counter()
                state.accept(token_id)
                state.mask()  # waits for the thread
                seconds.append(time.perf_counter() - start)
        tell(label, seconds)
        everything += seconds
    return everything


def envelope_masks(tokenizer: Tokenizer, repeat: int) -> None:
    """Masks of headers and of free text."""
    rules = Rules(tuple(Callee(f"functions.tool_{i}") for i in range(32)))
    text = "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>commentary"
    text += " to=functions.tool_7 <|constrain|>json<|message|>{}<|call|>"
    ids: list[int] = []
    for part in text.replace("<|", "\0<|").replace("|>", "|>\0").split("\0"):
        ids += [tokenizer.special(part)] if part in tokenizer.specials else tokenizer.encode(part)
    seconds = []
    for _ in range(repeat):
        envelope = Envelope(tokenizer, rules)
        for token_id in ids:
            start = time.perf_counter()
            envelope.mask()
            envelope.accept(token_id)
            seconds.append(time.perf_counter() - start)
    tell("harmony's envelope, 32 tools", seconds)
    named, seconds = Rules(rules.callees[:1], must_call=True, reasoning_limit=0), []
    for _ in range(repeat):
        envelope = Envelope(tokenizer, named)
        start = time.perf_counter()
        assert len(envelope.forced()) > 9
        seconds.append(time.perf_counter() - start)
    tell("a whole header that is forced", seconds)


def waits(grammars: Grammars, tokenizer: Tokenizer) -> None:
    """What of it the engine sees, if a pass through the model takes 5 ms."""
    accepts, masks, jumps = [], [], []
    state = grammars.compile(PERSON).start()
    for token_id in ids_of(ADA, tokenizer):
        start = time.perf_counter()
        state.accept(token_id)
        accepts.append(time.perf_counter() - start)
        time.sleep(0.005)
        start = time.perf_counter()
        state.forced()
        jumps.append(time.perf_counter() - start)
        start = time.perf_counter()
        state.mask()
        masks.append(time.perf_counter() - start)
    tell("engine: telling the token", accepts)
    tell("engine: getting what is forced", jumps)
    tell("engine: getting the mask", masks)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=Path, help="an o200k_base.tiktoken; nano's otherwise")
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    ranks: Path | None = arguments.ranks
    nano = None if ranks else hub.resolve("nano") / "tokenizer.json"
    tokenizer = load_tokenizer(ranks=ranks, json=nano)
    start = time.perf_counter()
    grammars = Grammars(tokenizer)
    sys.stdout.write(f"vocabulary {tokenizer.vocabulary_size:,} tokens; ")
    sys.stdout.write(f"ready in {time.perf_counter() - start:.2f} s\n\n")
    sys.stdout.write(f"{'microseconds':34} {'tokens':>6} {'median':>9} {'90 %':>9} {'worst':>9}\n")
    tell("JSON, all together", grammar_masks(grammars, tokenizer, arguments.repeat))
    envelope_masks(tokenizer, arguments.repeat)
    waits(grammars, tokenizer)


if __name__ == "__main__":
    main()
