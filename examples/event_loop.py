"""Many conversations in one event loop; one that takes too long is cancelled alone.

$ python examples/event_loop.py
20 + 1 = 21
21 + 1 = 22
22 + 1 = 23
cancelled
"""

import asyncio
import sys

import ossia


async def answer(model: ossia.Model, question: str, seconds: float) -> str:
    """The answer, if it comes in time."""
    try:
        async with asyncio.timeout(seconds):
            return str(await model.achat(question, seed=1))
    except TimeoutError:
        return "cancelled"


async def main(name: str = "nano") -> None:
    """Ask a model, by name or path."""
    with ossia.load(name) as model:
        questions = [answer(model, f"What is {n} + 1?", seconds=60) for n in range(20, 23)]
        hopeless = answer(model, "What is 23 + 1?", seconds=0)
        for text in await asyncio.gather(*questions, hopeless):
            print(text)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
