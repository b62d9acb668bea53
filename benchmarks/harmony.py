"""What parsing and detokenising cost for each token of an answer.

The parser turns ids into pieces of text, one id at a time, as chat asks it to. Answers are of
several kinds, since a header costs more than text, and a character of three tokens less than one
of one. openai-harmony's own parser reads the same ids where its vocabulary is (--ranks). Rounds go
through all kinds in turn; medians count.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from ossia import hub
from ossia.harmony import Assistant, Channel, Message, Parser, render
from ossia.tokenizer import Tokenizer, load_tokenizer

LIMIT = 20.0  # microseconds a token

WORDS = "The quick brown fox jumps over the lazy dog, and 27 + 58 is 85. " * 60
KINDS: dict[str, list[Message]] = {
    "English": [Assistant(WORDS, Channel.ANALYSIS), Assistant(WORDS)],
    "Korean": [Assistant("다람쥐 헌 쳇바퀴에 타고파. 스물일곱 더하기 쉰여덟은 여든다섯. " * 60)],
    "code": [Assistant("def add(a, b):\n    return a[0] + b  # x_1 -> {y}\n" * 60)],
    "emoji": [Assistant("👩‍🚀🇰🇷🧪 " * 200)],
    "a call": [Assistant('{"city": "Seoul", "days": 3} ' * 60, Channel.COMMENTARY, "functions.f")],
    "nothing but headers": [Assistant("", Channel.ANALYSIS)] * 200,
    "short calls": [Assistant("{}", Channel.COMMENTARY, "functions.get_weather", "json")] * 200,
}


def main() -> None:
    """Print a table of microseconds a token; fail where one is above the limit."""
    arguments = argparse.ArgumentParser(description=__doc__, add_help=True)
    arguments.add_argument("--ranks", type=Path, help="an o200k_base.tiktoken; nano's otherwise")
    arguments.add_argument("--repeat", type=int, default=15, help="rounds")
    options = arguments.parse_args()
    tokenizer = (
        load_tokenizer(ranks=options.ranks)
        if options.ranks
        else load_tokenizer(json=hub.EMBEDDED["nano"] / "tokenizer.json")
    )
    runs: dict[str, Callable[[list[int]], None]] = {"ossia": lambda ids: parse(ids, tokenizer)}
    if options.ranks:
        runs["openai-harmony"] = peer(options.ranks)
    outputs = {kind: output_of(messages, tokenizer) for kind, messages in KINDS.items()}
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.repeat):
        for kind, ids in outputs.items():
            for name, run in runs.items():
                start = time.perf_counter()
                run(ids)
                seconds.setdefault((kind, name), []).append(time.perf_counter() - start)
    print(f"microseconds a token, {tokenizer.vocabulary_size:,} tokens in the vocabulary\n")
    print(f"| output | tokens | {' | '.join(runs)} |\n|---|---|{'---|' * len(runs)}")
    worst = 0.0
    for kind, ids in outputs.items():
        costs = [statistics.median(seconds[kind, name]) / len(ids) * 1e6 for name in runs]
        worst = max(worst, costs[0])
        print(f"| {kind} | {len(ids):,} | {' | '.join(f'{cost:.2f}' for cost in costs)} |")
    if worst > LIMIT:
        raise SystemExit(f"\n{worst:.1f} microseconds are more than {LIMIT:g}")


def output_of(messages: list[Message], tokenizer: Tokenizer) -> list[int]:
    """What a model would say after the prompt's ``<|start|>assistant``."""
    start = [tokenizer.special("<|start|>"), *tokenizer.encode("assistant")]
    return render(messages, tokenizer, for_completion=False)[len(start) :]


def parse(ids: list[int], tokenizer: Tokenizer) -> None:
    """Read an output as chat does."""
    parser = Parser(tokenizer)
    for token_id in ids:
        parser.feed(token_id)
    parser.finish()


def peer(ranks: Path) -> Callable[[list[int]], None]:
    """openai-harmony's parser, asked for the piece of text after each token."""
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(ranks.resolve().parent)
    from openai_harmony import Role, StreamableParser, load_harmony_encoding

    encoding = load_harmony_encoding("HarmonyGptOss")

    def run(ids: list[int]) -> None:
        parser = StreamableParser(encoding, Role.ASSISTANT)
        for token_id in ids:
            parser.process(token_id)
            _ = parser.last_content_delta
        parser.process_eos()

    return run


if __name__ == "__main__":
    main()
