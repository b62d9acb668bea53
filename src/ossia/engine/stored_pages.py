"""Between the prefix cache and the disk: what is worth saving is saved, what is missing comes back.

Both go a few pages a step, so that nobody waits long for their next token. Knows nodes and their
keys; what a file holds is ``disk_cache``'s.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from ossia.engine.disk_cache import DiskCache
from ossia.engine.disk_entry import Kind, chain_key
from ossia.engine.pages import PagePool
from ossia.engine.prefix_cache import Node, PrefixCache
from ossia.engine.request import Sequence
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE

PAGES_A_STEP = 16
"""Pages read or saved in a step: some 25 MB of the 20b model, 20 ms."""

_PATIENCE = 0.05
"""Seconds that an idle engine waits for the disk to take more."""

_CLOSING_SECONDS = 30.0
"""Seconds that a closing engine waits for it; what is not saved by then is computed again."""

Blocks = Callable[[Kind, int], list[NDArray[Any]]]
"""Keys and values of a page in every layer of one kind."""


class StoredPages:
    """What of the prefix cache lies on disk.

    Attributes:
        num_restored: pages of full layers read so far.
    """

    def __init__(self, disk: DiskCache, prefixes: PrefixCache, blocks: Blocks) -> None:
        prefixes.root.key = disk.root
        self.num_restored = 0
        self._disk, self._prefixes, self._blocks = disk, prefixes, blocks
        self._unsaved: deque[Node] = deque()
        self._num_left = PAGES_A_STEP  # reads in this step

    @property
    def has_unsaved(self) -> bool:
        """Whether something is to be saved."""
        return bool(self._unsaved)

    def name(self, node: Node) -> None:
        """Gives a new node its key."""
        if not node.key and node.parent is not None:
            node.key = chain_key(node.parent.key, node.token_ids)

    def touch(self, node: Node) -> None:
        """A prefix was used from memory."""
        self._disk.touch(node.key)

    def want(self, path: list[Node]) -> None:
        """Has a path saved, from its beginning on."""
        self._unsaved.extend(node for node in path if any(self._kinds_unsaved(node)))

    def save(self, *, may_wait: bool) -> None:
        """Offers some pages to the disk; what was given up meanwhile is not saved."""
        self._num_left = PAGES_A_STEP
        if may_wait and self._unsaved and not self._disk.has_room:
            self._disk.flush(_PATIENCE)
        num_left = PAGES_A_STEP
        while self._unsaved and num_left and self._disk.has_room:
            node = self._unsaved.popleft()
            for kind, page in self._kinds_unsaved(node):
                assert node.parent is not None
                blocks = self._blocks(kind, page)
                self._disk.store(node.parent.key, node.token_ids, kind, blocks)
                num_left -= kind == "full"

    def restore(self, sequence: Sequence, full: PagePool, sliding: PagePool) -> bool:
        """Reads some pages of a sequence's beginning into the prefix cache.

        Returns whether it should wait for more; False where there is nothing to read, or no room.
        """
        nodes = self._prefixes.walk(sequence.token_ids)
        depth = self._depth(sequence, nodes)
        # What is given up as soon as it was read, or cannot be read, is not tried for ever.
        is_hopeless = sequence.num_restored > 2 * len(sequence.token_ids) // PAGE_SIZE + 8
        if depth <= self._prefixes.usable(nodes) or is_hopeless:
            return False
        self._prefixes.refresh(nodes)  # or this very path's pages would be given up for its others
        if depth - len(nodes) > full.num_free + self._prefixes.num_idle_beside(nodes):
            return False
        while self._num_left and len(nodes) < depth:
            node = self._load(sequence, nodes, full)
            if node is None:  # damaged, or gone: what is left is thought over
                return True
            nodes.append(node)
            self._prefixes.refresh(nodes)
            self.num_restored += 1
        return len(nodes) < depth or self._restore_snapshot(sequence, nodes, sliding)

    def close(self) -> None:
        """Saves what is to be saved."""
        while self._unsaved and self._disk.has_room:
            self.save(may_wait=True)
        self._disk.close(_CLOSING_SECONDS)

    def _kinds_unsaved(self, node: Node) -> list[tuple[Kind, int]]:
        """What of a node is in memory and not on disk."""
        pages: list[tuple[Kind, int]] = [("full", node.full_page), ("sliding", node.sliding_page)]
        if node.full_page == NO_PAGE:
            return []
        return [
            (kind, page)
            for kind, page in pages
            if page != NO_PAGE and not self._disk.contains(node.key, kind)
        ]

    def _depth(self, sequence: Sequence, nodes: list[Node]) -> int:
        """How deep a sequence's beginning could be gone on from, with what lies on disk."""
        keys = [node.key for node in nodes]
        key = keys[-1] if keys else self._prefixes.root.key
        for start in range(len(nodes) * PAGE_SIZE, len(sequence.token_ids) - PAGE_SIZE, PAGE_SIZE):
            key = chain_key(key, sequence.token_ids[start : start + PAGE_SIZE])
            if not self._disk.contains(key, "full"):
                break
            keys.append(key)

        def is_seen(index: int) -> bool:
            in_memory = index < len(nodes) and nodes[index].sliding_page != NO_PAGE
            return in_memory or self._disk.contains(keys[index], "sliding")

        if not self._prefixes.has_window:
            return len(keys)
        for depth in range(len(keys), 0, -1):
            if all(is_seen(index) for index in range(self._prefixes.first_seen(depth), depth)):
                return depth
        return 0

    def _load(self, sequence: Sequence, nodes: list[Node], full: PagePool) -> Node | None:
        """The next node of a path, from disk."""
        page = self._room(full, self._prefixes.evict)
        start = len(nodes) * PAGE_SIZE
        token_ids = tuple(sequence.token_ids[start : start + PAGE_SIZE])
        parent = nodes[-1] if nodes else self._prefixes.root
        self._count(sequence)
        if not self._disk.load(parent.key, token_ids, "full", self._blocks("full", page)):
            full.free(page)
            return None
        node = self._prefixes.adopt(parent, token_ids, page)
        self.name(node)
        return node

    def _restore_snapshot(self, sequence: Sequence, nodes: list[Node], sliding: PagePool) -> bool:
        """Reads what the window at a path's end lacks; whether it should be waited for."""
        seen = nodes[self._prefixes.first_seen(len(nodes)) :]
        missing = [node for node in seen if node.sliding_page == NO_PAGE]
        num_others = self._prefixes.num_idle_snapshots_beside(seen)
        if len(missing) > sliding.num_free + num_others:
            return False
        for node in missing:
            page = self._room(sliding, self._prefixes.evict_snapshot)
            assert node.parent is not None
            blocks = self._blocks("sliding", page)
            self._count(sequence)
            if not self._disk.load(node.parent.key, node.token_ids, "sliding", blocks):
                sliding.free(page)
                return True
            self._prefixes.adopt_snapshot(node, page)
            self._prefixes.refresh(nodes)
        return True

    def _count(self, sequence: Sequence) -> None:
        """One more read, for a sequence and in this step."""
        sequence.num_restored += 1
        self._num_left = max(0, self._num_left - 1)

    @staticmethod
    def _room(pool: PagePool, evict: Callable[[], bool]) -> int:
        """A free page, if need be in place of what was not used for the longest; there is one."""
        if pool.num_free == 0:
            evict()
        return pool.allocate()
