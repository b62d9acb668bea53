"""How many answers of a model with random weights are well-formed, in the envelope and without it.

    python benchmarks/envelope.py [--ranks o200k_base.tiktoken] [--answers 10000]

Our own parser must find nothing to mend. With the real vocabulary openai-harmony in its strict mode
is a second judge: each answer is written anew, control token for control token, and read by it. An
answer that max_tokens cuts off counts as it stands; one that it cuts within a header is asked for
again with room for twice as much, which the same seed continues. Rules alternate: little
reasoning, with tools, with a call required, no reasoning, tools and no limit.
"""

import argparse
import collections
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import openai_harmony

from ossia import hub
from ossia.checkpoint import SyntheticCheckpoint, SyntheticShape, TokenizerFiles
from ossia.engine import Engine, Request, Sampling
from ossia.engine.request import Sequence
from ossia.harmony import Channel, Parser, User, render, stop_token_ids
from ossia.harmony.envelope import Callee, Envelope, Rules
from ossia.model import Config, prepare_params
from ossia.ops.select import select_backend
from ossia.tokenizer import Tokenizer, load_tokenizer

TOOLS = (
    Callee("functions.get_weather"),
    Callee("functions.search"),
    Callee("python", (Channel.ANALYSIS, Channel.COMMENTARY), "code"),
)
RULES = (
    Rules(reasoning_limit=12),
    Rules(TOOLS, reasoning_limit=12),
    Rules(TOOLS, must_call=True, reasoning_limit=12),
    Rules(reasoning_limit=0),
    Rules(TOOLS),
)
MAX_TOKENS = 56
TOGETHER = 64


@dataclass(frozen=True)
class Judge:
    """Our parser, and openai-harmony with the vocabulary that it reads."""

    small: Tokenizer
    encoding: openai_harmony.HarmonyEncoding | None
    real: Tokenizer

    def is_well_formed(self, ids: list[int]) -> bool:
        """Whether openai-harmony reads an answer without an error, and finds a message in it.

        Without it, whether our parser does.
        """
        if self.encoding is None:
            return not self.repairs(ids)
        role = openai_harmony.Role.ASSISTANT
        stream = openai_harmony.StreamableParser(self.encoding, role, strict=True)
        try:
            for token_id in self._in_real_vocabulary(ids):
                stream.process(token_id)
            in_message = stream.current_channel is not None
            stream.process_eos()
        except openai_harmony.HarmonyError:
            return False
        return in_message or bool(stream.messages)

    def repairs(self, ids: list[int]) -> tuple[str, ...]:
        """What our own parser mends."""
        parser = Parser(self.small)
        for token_id in ids:
            parser.feed(token_id)
        parser.finish()
        return parser.repairs

    def _in_real_vocabulary(self, ids: list[int]) -> list[int]:
        names = {token_id: name for name, token_id in self.small.specials.items()}
        out: list[int] = []
        run: list[int] = []
        for token_id in [*ids, None]:
            if token_id in self.small.ordinary_ids:
                run.append(token_id)
                continue
            out += self.real.encode(self.small.decode(run))
            run = []
            if token_id is not None:
                reserved = self.real.special("<|reserved_201087|>")  # where a row has no token
                out.append(self.real.specials.get(names.get(token_id, ""), reserved))
        return out


def answers(engine: Engine, requests: list[Request], tokenizer: Tokenizer) -> list[list[int]]:
    """The ids that the model makes for every request, many at a time."""
    sequences = [engine.add(request) for request in requests]
    while any(sequence.finish is None for sequence in sequences):
        engine.step()
    return [made(sequence, tokenizer) for sequence in sequences]


def made(sequence: Sequence, tokenizer: Tokenizer) -> list[int]:
    """The ids of an answer until it is over, as chat takes them."""
    assert sequence.error is None
    parser, ids = Parser(tokenizer), sequence.token_ids[len(sequence.request.prompt_ids) :]
    for index, token_id in enumerate(ids):
        parser.feed(token_id)
        if parser.is_turn_over:
            return ids[: index + 1]
    return ids


def oracle(
    ranks: Path | None, small: Tokenizer
) -> tuple[openai_harmony.HarmonyEncoding | None, Tokenizer]:
    """openai-harmony and its vocabulary, where there is one."""
    if ranks is None:
        return None, small
    with tempfile.TemporaryDirectory() as encodings:
        (Path(encodings) / "o200k_base.tiktoken").symlink_to(ranks.resolve())
        os.environ["TIKTOKEN_ENCODINGS_BASE"] = encodings
        encoding = openai_harmony.load_harmony_encoding("HarmonyGptOss")
    return encoding, load_tokenizer(ranks=ranks)


def main() -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=Path, help="an o200k_base.tiktoken")
    parser.add_argument("--answers", type=int, default=10_000)
    arguments = parser.parse_args()

    folder = hub.resolve("nano")
    tokenizer = load_tokenizer(json=folder / "tokenizer.json")
    shape = SyntheticShape.parse("1x64x4x4x2x1056")  # some rows have no token
    source = SyntheticCheckpoint(shape, 7, TokenizerFiles(json=folder / "tokenizer.json"))
    config = Config.from_mapping(source.config)
    ops = select_backend(None).ops
    engine = Engine(prepare_params(source, config.num_layers, ops).params, config, ops, 64 * 256)
    judge = Judge(tokenizer, *oracle(arguments.ranks, tokenizer))

    prompt = tuple(render((User("hi"),), tokenizer))
    ends = {tokenizer.special(name) for name in ("<|return|>", "<|call|>", "<|end|>")}

    def ask(seeds: Iterable[int], is_enveloped: bool, max_tokens: int) -> list[list[int]]:
        rules = {seed: RULES[seed % len(RULES)] for seed in seeds}
        requests = [
            Request(
                prompt,
                Sampling(seed=seed),
                stop_token_ids(tokenizer),
                max_tokens,
                Envelope(tokenizer, rules[seed]) if is_enveloped else None,
            )
            for seed in rules
        ]
        return answers(engine, requests, tokenizer)

    sys.stdout.write(f"{arguments.answers:,} answers of at most {MAX_TOKENS} tokens\n")
    for is_enveloped, label in ((True, "in the envelope"), (False, "without it")):
        start = time.perf_counter()
        counts: collections.Counter[str] = collections.Counter()
        for first in range(0, arguments.answers, TOGETHER):
            seeds = range(first, min(first + TOGETHER, arguments.answers))
            for seed, ids in zip(seeds, ask(seeds, is_enveloped, MAX_TOKENS), strict=True):
                is_cut = len(ids) == MAX_TOKENS and "cut_header" in judge.repairs(ids)
                whole = ask([seed], is_enveloped, 2 * MAX_TOKENS)[0] if is_cut else ids
                is_sound = judge.is_well_formed(whole)
                counts["well-formed"] += is_sound and not judge.repairs(whole)
                if judge.encoding is not None:
                    counts["by openai-harmony alone"] += is_sound
                counts["ended by the model"] += whole[-1] in ends
                counts["asked again"] += is_cut
                counts["tokens"] += len(whole)
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        sys.stdout.write(f"{label:16} {told}; {time.perf_counter() - start:.0f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
