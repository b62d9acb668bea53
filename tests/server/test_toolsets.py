"""Who gets which set of tools, and when one is given up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.tools.python.notebook import needs_sandbox

from ossia.agent import Equipment
from ossia.base.errors import BusyError
from ossia.server import toolsets
from ossia.server.errors import RequestError
from ossia.server.toolsets import Toolset, Toolsets
from ossia.tools import Call

PYTHON = Equipment(frozenset({"python"}))


def within_a_loop(work: Callable[[Toolsets], Awaitable[None]], idle_seconds: float = 60.0) -> None:
    async def working() -> None:
        sets = Toolsets(PYTHON, idle_seconds=idle_seconds)
        try:
            await work(sets)
        finally:
            await sets.aclose()

    asyncio.run(working())


def used(sets: Toolsets, call: str, owner: str = "me") -> Toolset:
    """A set that served one call."""
    with sets.taken(owner, ()) as made:
        made.calls.add(call)
        return made


def test_a_call_that_is_shown_brings_its_set_back() -> None:
    async def work(sets: Toolsets) -> None:
        one, two = used(sets, "ci_1"), used(sets, "ci_2")
        with sets.taken("me", ["ci_1"]) as again, sets.taken("me", ["x", "ci_2"]) as other:
            assert again is one
            assert other is two
        with sets.taken("me", (), one.container_id) as named:
            assert named is one

    within_a_loop(work)


def test_nobody_gets_the_set_of_another() -> None:
    async def work(sets: Toolsets) -> None:
        mine = used(sets, "ci_1")
        with sets.taken("you", ["ci_1"]) as other:
            assert other is not mine
        with pytest.raises(RequestError) as refused, sets.taken("you", (), mine.container_id):
            pass
        assert refused.value.status == 404

    within_a_loop(work)


def test_a_set_that_served_nothing_is_given_up_at_once() -> None:
    async def work(sets: Toolsets) -> None:
        with sets.taken("me", ()) as made:
            pass
        await asyncio.sleep(0.01)
        with pytest.raises(RequestError), sets.taken("me", (), made.container_id):
            pass

    within_a_loop(work)


def test_a_set_that_waits_too_long_is_given_up_unless_it_was_used_meanwhile() -> None:
    async def work(sets: Toolsets) -> None:
        made = used(sets, "ci_1")
        with sets.taken("me", ["ci_1"]) as again:
            await asyncio.sleep(0.2)  # longer than it may wait, but it does not
            assert again is made
        with sets.taken("me", ["ci_1"]) as again:
            assert again is made
        while True:  # until it is gone
            try:
                with sets.taken("me", (), made.container_id):
                    pass
            except RequestError:
                return
            await asyncio.sleep(0.3)

    within_a_loop(work, idle_seconds=0.1)


def test_the_one_that_waits_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolsets, "MAX_SETS", 2)

    async def work(sets: Toolsets) -> None:
        one, two = used(sets, "ci_1"), used(sets, "ci_2")
        with sets.taken("me", ["ci_1"]):
            pass
        third = used(sets, "ci_3")  # in the place of the second, for the first was used since
        with sets.taken("me", ["ci_1"]) as first, sets.taken("me", ["ci_3"]) as last:
            assert (first, last) == (one, third)
            with pytest.raises(BusyError), sets.taken("me", ["ci_2"]):
                pass
        with sets.taken("me", ["ci_2"]) as other:
            assert other is not two

    within_a_loop(work)


def test_what_is_given_up_is_closed() -> None:
    async def work(sets: Toolsets) -> None:
        python = used(sets, "ci_1").tool("python")
        await sets.aclose()
        result = await python.call(Call("python", "1"))
        assert result.is_error, "a sandbox was started that nobody ends"

    needs_sandbox()
    within_a_loop(work)
