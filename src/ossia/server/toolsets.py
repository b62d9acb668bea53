"""The tools that run on the server, and the sets of them that conversations go on with.

A set remembers: pages under their cursors, variables and files. A request that shows a call which
a set served gets that set again, be it by a response before it, a conversation or its own items.
Knows who a set belongs to and how long it waits; knows no dialect.
"""

import asyncio
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ossia.agent import ALONE, Equipment, Policy, Rule, Verdict
from ossia.base.errors import BusyError
from ossia.server.errors import RequestError
from ossia.tools import Deed, Page, Tool

IDLE_SECONDS = 20 * 60.0
MAX_SETS = 64
"""That exist at once; beyond, the one that waits longest is given up."""

TYPES = {
    "web_search": "browser",
    "web_search_preview": "browser",
    "code_interpreter": "python",
    "code_execution": "python",
}
"""What clients call tools that a server may run, with the tool that each is; dates may follow."""

_DATE = re.compile(r"_\d{4}_?\d{2}_?\d{2}$")

ENABLED = ALONE.first(
    Rule(Verdict.ALLOW, "browser", Deed.FETCH), Rule(Verdict.ALLOW, "python", Deed.CALL)
)
"""Whoever enabled a tool of the server let it do what it is for; nobody is there to be asked."""


def tool_named(kind: str) -> str | None:
    """The tool that a client means by a type, such as ``web_search_2025_08_26``; None of others."""
    return TYPES.get(_DATE.sub("", kind))


def left_out(kind: str, enabled: frozenset[str]) -> str | None:
    """Why a tool of a type is not offered; None where it is, by the server itself."""
    name = tool_named(kind)
    if name is None:
        return f"tools of type {kind!r:.40} are not offered to gpt-oss"
    if name in enabled:
        return None
    what = f"its owner enables it with ossia serve --tools {name}"
    return f"{kind!r:.40} is left out, for this server does not run it; {what}"


@dataclass(eq=False)
class Toolset:
    """The tools of one conversation, each made when it is first needed.

    Attributes:
        container_id: what clients call the place where its code runs.
        pages: what was shown under each cursor.
        calls: ids of the calls that it served.
        num_users: requests that use it now; num_uses: those that ever did.
    """

    owner: str
    equipment: Equipment
    container_id: str = field(default_factory=lambda: f"cntr_{secrets.token_hex(24)}")
    pages: dict[int, Page] = field(default_factory=dict)
    calls: set[str] = field(default_factory=set)
    num_users: int = 0
    num_uses: int = 0
    _tools: dict[str, Tool] = field(default_factory=dict)

    def tool(self, name: str) -> Tool:
        """One of the tools.

        Raises:
            InputError: it cannot be made.
        """
        if name not in self._tools:
            self._tools[name] = self.equipment.make(name)
        return self._tools[name]

    async def close(self) -> None:
        """Ends all of them, and forgets what they held."""
        tools, self._tools = list(self._tools.values()), {}
        await asyncio.gather(*(tool.close() for tool in tools), return_exceptions=True)


class Toolsets:
    """The sets of a server.

    Args:
        equipment: what its owner enabled.
    """

    def __init__(
        self, equipment: Equipment, policy: Policy = ENABLED, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self.equipment, self.policy = equipment, policy
        self._idle_seconds = idle_seconds
        self._sets: dict[str, Toolset] = {}  # by container, the one used last at the end
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def taken(
        self, owner: str, calls: Iterable[str], container_id: str | None = None
    ) -> Iterator[Toolset]:
        """The set of a conversation, for as long as it is used.

        Args:
            calls: ids of all calls that the conversation shows.
            container_id: the set that is asked for by name.

        Raises:
            RequestError: there is none of that name.
            BusyError: every set is in use.
        """
        toolset = self._find(owner, frozenset(calls), container_id)
        toolset.num_users += 1
        toolset.num_uses += 1
        self._sets[toolset.container_id] = self._sets.pop(toolset.container_id, toolset)
        try:
            yield toolset
        finally:
            toolset.num_users -= 1
            seconds = self._idle_seconds if toolset.calls else 0.0  # nothing is remembered
            asyncio.get_running_loop().call_later(seconds, self._expire, toolset, toolset.num_uses)

    def _find(self, owner: str, calls: frozenset[str], container_id: str | None) -> Toolset:
        own = [each for each in self._sets.values() if each.owner == owner]
        if container_id is not None:
            for each in own:
                if each.container_id == container_id:
                    return each
            what = f"no container {container_id!r:.80}, or it was given up after a time without use"
            raise RequestError(404, what, "container_not_found", "tools")
        for each in reversed(own):
            if calls & each.calls:
                return each
        self._make_room()
        return Toolset(owner, self.equipment)

    def _make_room(self) -> None:
        if len(self._sets) < MAX_SETS:
            return
        for each in self._sets.values():
            if not each.num_users:
                self._give_up(each)
                return
        raise BusyError("all tools of this server are in use; try again later")

    def _expire(self, toolset: Toolset, num_uses: int) -> None:
        """Gives a set up that nobody used since."""
        is_kept = self._sets.get(toolset.container_id) is toolset
        if is_kept and not toolset.num_users and toolset.num_uses == num_uses:
            self._give_up(toolset)

    def _give_up(self, toolset: Toolset) -> None:
        del self._sets[toolset.container_id]
        task = asyncio.create_task(toolset.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Gives all of them up."""
        for toolset in list(self._sets.values()):
            self._give_up(toolset)
        await asyncio.gather(*self._closing)
