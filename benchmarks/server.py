"""What the server costs: the same answers of nano through HTTP and without it.

    python benchmarks/server.py [--tokens 250] [--streams 64] [--repeats 7] [--out FILE]

A server process streams Chat Completions to this one, which also asks nano itself; both make the
same tokens, because seeds decide them. The difference is the server's: parsing, events to chunks,
JSON, sockets, and reading it all here. Nothing may end an answer before its length (the bias
forbids it), so that all are equally long. Exit code 1 where a stream is broken or says else.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from ossia.chat import ChatModel, Done, Reasoning, Settings, Text
from ossia.harmony import System, User
from ossia.server.conversation import today

QUESTION = "What is 27 + 58?"


@dataclass(frozen=True)
class Answer:
    """One answer as it came.

    Attributes:
        text: reasoning and what was said.
        first: seconds until its first piece.
        whole: seconds until its end.
    """

    text: str
    num_tokens: int
    first: float
    whole: float


@dataclass(frozen=True)
class Asker:
    """Asks the same in both ways."""

    model: ChatModel
    client: httpx.AsyncClient
    bias: dict[int, float]
    num_tokens: int

    async def directly(self, seed: int) -> Answer:
        """Of the model in this process."""
        start, first, pieces = time.perf_counter(), 0.0, []
        settings = Settings(
            seed=seed, max_tokens=self.num_tokens, logit_bias=tuple(self.bias.items())
        )
        messages = (System(current_date=today()), User(QUESTION))
        num_tokens = 0
        async with aclosing(self.model.arespond(messages, settings)) as events:
            async for event in events:
                first = first or time.perf_counter() - start
                match event:
                    case Reasoning(text) | Text(text):
                        pieces.append(text)
                    case Done():
                        num_tokens = event.usage.completion_tokens
        return Answer("".join(pieces), num_tokens, first, time.perf_counter() - start)

    async def through_http(self, seed: int) -> Answer:
        """Of the server."""
        body = {
            "model": "nano",
            "messages": [{"role": "user", "content": QUESTION}],
            "seed": seed,
            "max_tokens": self.num_tokens,
            "logit_bias": {str(token_id): bias for token_id, bias in self.bias.items()},
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        start, first, pieces, last = time.perf_counter(), 0.0, [], ""
        usage: dict[str, Any] = {}
        async with self.client.stream("POST", "/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if not line:
                    continue
                first = first or time.perf_counter() - start
                last = line.removeprefix("data: ")
                if last != "[DONE]":
                    chunk = json.loads(last)
                    usage = chunk["usage"] or usage
                    pieces += [
                        choice["delta"].get("reasoning") or choice["delta"].get("content") or ""
                        for choice in chunk["choices"]
                    ]
        if last != "[DONE]":
            raise RuntimeError(f"the stream ends with {last:.80}")
        whole = time.perf_counter() - start
        return Answer("".join(pieces), usage["completion_tokens"], first, whole)


Figures = dict[str, Any]
Ask = Callable[[int], Awaitable[Answer]]


async def one_stream(asker: Asker, repeats: int) -> Figures:
    """Prints what the server costs a token at one stream."""
    pairs = []
    for seed in range(repeats + 1):  # by turns, so that both meet the same company
        pairs.append((await asker.directly(seed), await asker.through_http(seed)))
    pairs = pairs[1:]  # the first warms both up
    is_same = all(ours.text == theirs.text for ours, theirs in pairs)
    num = pairs[0][0].num_tokens
    cost = median((theirs.whole - ours.whole) / ours.num_tokens for ours, theirs in pairs)
    first = median(theirs.first - ours.first for ours, theirs in pairs)
    direct = median(ours.whole / ours.num_tokens for ours, _ in pairs)
    print(f"1 stream of {num} tokens, {repeats} times: {direct * 1e3:.3f} ms a token without HTTP,")
    print(f"  {cost * 1e3:+.3f} ms a token and {first * 1e3:+.2f} ms to the first piece with it")
    print(f"  the same text: {is_same}")
    return {
        "tokens": num,
        "repeats": repeats,
        "direct_ms_per_token": direct * 1e3,
        "overhead_ms_per_token": cost * 1e3,
        "overhead_ms_to_first": first * 1e3,
        "same_text": is_same,
    }


async def many_streams(asker: Asker, num: int) -> Figures:
    """Prints how many streams at once get on, in both ways."""
    texts, speeds = [], []
    for name, ask in (("without HTTP", asker.directly), ("with it", asker.through_http)):
        start = time.perf_counter()
        answers = await asyncio.gather(*map(ask, range(num)))
        wall = time.perf_counter() - start
        made = sum(answer.num_tokens for answer in answers)
        latest = max(answer.first for answer in answers)
        print(
            f"{num} streams {name}: {made:,} tokens in {wall:.2f} s, {made / wall:,.0f} tokens/s, "
            f"the last begins after {latest:.2f} s"
        )
        texts.append([answer.text for answer in answers])
        speeds.append(made / wall)
    is_same = texts[0] == texts[1]
    print(f"  the same texts: {is_same}")
    return {
        "streams": num,
        "direct_tokens_per_s": speeds[0],
        "tokens_per_s": speeds[1],
        "same_text": is_same,
    }


@contextmanager
def served() -> Iterator[str]:
    """The address of a server process with nano loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("ossia")), "serve", "nano", "--port", str(port)]
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{address}/health").raise_for_status()
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise SystemExit("the server ended") from None
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


async def measure(address: str, num_tokens: int, num_streams: int, repeats: int) -> Figures:
    """All of it."""
    with ChatModel.load("nano") as model:
        specials = model.tokenizer.specials.values()
        limits = httpx.Limits(max_connections=num_streams)
        async with httpx.AsyncClient(base_url=address, timeout=300, limits=limits) as client:
            asker = Asker(model, client, dict.fromkeys(specials, -100.0), num_tokens)
            one = await one_stream(asker, repeats)
            return {"one": one, "many": await many_streams(asker, num_streams)}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=250)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, help="where the figures are kept, as JSON")
    asked = parser.parse_args()
    with served() as address:
        figures = asyncio.run(measure(address, asked.tokens, asked.streams, asked.repeats))
    if asked.out is not None:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["one"]["same_text"] and figures["many"]["same_text"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
