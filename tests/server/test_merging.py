"""Several streams as one: order, failures, and that closing reaches all of them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from ossia.server.merging import merged


class Counting:
    """Makes streams and knows how many are open."""

    def __init__(self) -> None:
        self.num_open = 0

    async def stream(self, num: int, fail_at: int | None = None) -> AsyncGenerator[int, None]:
        self.num_open += 1
        try:
            for number in range(num):
                await asyncio.sleep(0)
                if number == fail_at:
                    raise ValueError("broken")
                yield number
        finally:
            self.num_open -= 1


@pytest.mark.parametrize("lengths", [[3], [3, 0, 100], [1] * 20])
def test_every_stream_is_whole_and_in_order(lengths) -> None:
    async def collect() -> None:
        made = Counting()
        seen: list[list[int]] = [[] for _ in lengths]
        async for number, item in merged([made.stream(length) for length in lengths]):
            seen[number].append(item)
        assert seen == [list(range(length)) for length in lengths]
        assert made.num_open == 0

    asyncio.run(collect())


@pytest.mark.parametrize("num", [1, 3])
def test_closing_closes_all(num) -> None:
    async def leave() -> None:
        made = Counting()
        async with aclosing(merged([made.stream(1000) for _ in range(num)])) as items:
            async for _ in items:
                break
        assert made.num_open == 0

    asyncio.run(leave())


@pytest.mark.parametrize("num", [1, 3])
def test_a_failure_ends_all(num) -> None:
    async def fail() -> None:
        made = Counting()
        streams = [made.stream(1000, fail_at=5), *[made.stream(1000) for _ in range(num - 1)]]
        with pytest.raises(ValueError, match="broken"):
            async for _ in merged(streams):
                pass
        assert made.num_open == 0

    asyncio.run(fail())


def test_a_slow_reader_holds_the_streams_up() -> None:
    async def read() -> None:
        made = 0

        async def endless() -> AsyncGenerator[int, None]:
            nonlocal made
            while True:
                made += 1
                yield made

        async with aclosing(merged([endless(), endless()])) as items:
            async for _ in items:
                break
            await asyncio.sleep(0.01)
            assert made < 50

    asyncio.run(read())
