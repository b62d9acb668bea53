"""The KV cache: which sequence owns which page, and what stays for whoever begins likewise.

Knows sequences, pools and the prefix cache; does not know who runs when (``scheduler``).
"""

from itertools import compress
from typing import Any

from numpy.typing import NDArray

from ossia.engine.disk_cache import DiskCache
from ossia.engine.disk_entry import Kind
from ossia.engine.memory import PREFILL_CHUNK, MemoryPlan
from ossia.engine.pages import PagePool, first_visible_page, num_pages_for
from ossia.engine.prefix_cache import PrefixCache
from ossia.engine.request import Sequence
from ossia.engine.stored_pages import StoredPages
from ossia.model import Config
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE, KVPages
from ossia.ops.spec import Ops


class KVCache:
    """Keys and values of all layers, and the books about them.

    Attributes:
        layers: one entry a layer; full and sliding layers number their pages separately.
        stored: what of it lies on disk, if anything does.
        num_evicted: pages given up so far.

    Raises:
        ResourceError: the pages do not fit in memory.
    """

    def __init__(
        self, config: Config, plan: MemoryPlan, ops: Ops, disk: DiskCache | None = None
    ) -> None:
        self.window = config.window
        self._windows = config.windows
        self.full = PagePool(plan.full_pages)
        self.sliding = PagePool(plan.sliding_pages)
        self.prefixes = PrefixCache(self.full, self.sliding, self.window)
        self.layers: list[KVPages] = [
            ops.allocate_pages(
                plan.full_pages if window is None else plan.sliding_pages,
                config.kv_heads,
                config.head_dim,
            )
            for window in config.windows
        ]
        self.num_evicted = 0
        self.stored = None if disk is None else StoredPages(disk, self.prefixes, self._blocks)

    def begin(self, sequence: Sequence) -> None:
        """Gives a sequence the pages of its beginning that are known already."""
        if sequence.request.score_prompt:
            return  # its prompt has to be computed for its logits
        nodes = self.prefixes.walk(sequence.token_ids)
        sequence.nodes = nodes[: self.prefixes.usable(nodes)]
        sequence.full_pages, sequence.sliding_pages = self.prefixes.take(sequence.nodes)
        sequence.num_stored = len(sequence.nodes) * PAGE_SIZE
        if self.stored and sequence.nodes:
            self.stored.touch(sequence.nodes[-1])

    def num_known(self, sequence: Sequence) -> int:
        """Tokens that ``begin`` would give it."""
        return self.prefixes.usable(self.prefixes.walk(sequence.token_ids)) * PAGE_SIZE

    def has_room(self, sequence: Sequence, spare: int) -> bool:
        """Whether its known tokens can be stored now and ``spare`` pages are left for others."""
        num_full = num_pages_for(sequence.num_stored + sequence.num_pending + 1)
        num_new = num_full - len(sequence.full_pages) + spare
        if num_new > self.full.num_free + self.prefixes.num_idle:
            return False
        if self.window is None:
            return True
        num_window = num_pages_for(self.window) + 1 + num_pages_for(PREFILL_CHUNK)
        num_new = min(num_new, num_window + spare)
        return num_new <= self.sliding.num_free + self.prefixes.num_idle_snapshots

    def could_have_room(self, sequence: Sequence, victims: list[Sequence]) -> bool:
        """Whether its known tokens could be stored if others gave up their pages."""
        num_free = self.full.num_free + self.prefixes.num_idle
        num_theirs = sum(len(victim.full_pages) for victim in victims)
        return num_pages_for(len(sequence.token_ids) + 1) <= num_free + num_theirs

    def grow(self, sequence: Sequence, num_tokens: int) -> bool:
        """Makes room for ``num_tokens`` of a sequence in all; False, and nothing done, if none is.

        What nobody uses is given up for it.
        """
        needed = num_pages_for(num_tokens)
        while self.full.num_free < needed - len(sequence.full_pages):
            if not self.prefixes.evict():
                return False
            self.num_evicted += 1
        if self.window is not None:
            while self.sliding.num_free < needed - len(sequence.sliding_pages):
                if not self.prefixes.evict_snapshot():
                    return False
            while len(sequence.sliding_pages) < needed:
                sequence.sliding_pages.append(self.sliding.allocate())
        while len(sequence.full_pages) < needed:
            sequence.full_pages.append(self.full.allocate())
        return True

    def advance(self, sequence: Sequence) -> None:
        """After tokens were stored: whole pages become known to all, unseen sliding ones go."""
        for index in range(len(sequence.nodes), sequence.num_stored // PAGE_SIZE):
            self._make_known(sequence, index)
        if self.window is not None:
            self._slide(sequence, len(sequence.nodes), self.window)

    def keep_window(self, sequence: Sequence) -> None:
        """Keeps the window at a sequence's last whole page for prompts that begin likewise."""
        if self.window is None:
            return
        depth = len(sequence.nodes)
        for index in range(self.prefixes.first_seen(depth), depth):
            if sequence.sliding_pages[index] != NO_PAGE:
                self.prefixes.keep(sequence.nodes[index], sequence.sliding_pages[index])

    def release(self, sequence: Sequence) -> None:
        """Takes all pages back; what was computed stays known until the room is needed."""
        depth = len(sequence.nodes)
        self.keep_window(sequence)
        for index in reversed(range(len(sequence.sliding_pages))):
            self._free_sliding(sequence, index)
        for node in reversed(sequence.nodes):
            self.prefixes.leave(node)
        if self.stored:
            self.stored.want(sequence.nodes)
        for page in sequence.full_pages[depth:]:
            self.full.free(page)
        sequence.nodes, sequence.full_pages, sequence.sliding_pages = [], [], []
        sequence.num_stored = 0

    def restore(self, sequence: Sequence) -> bool:
        """Reads some pages of a sequence's beginning from disk; False where there are none."""
        if self.stored is None or sequence.request.score_prompt:
            return False
        return self.stored.restore(sequence, self.full, self.sliding)

    def check_integrity(self, sequences: list[Sequence]) -> None:
        """For tests: every page has the owners that it counts, and every path is in the tree.

        Raises:
            AssertionError: it is not so.
        """
        nodes = self.prefixes.nodes()
        snapshots = [node.sliding_page for node in nodes if node.sliding_page != NO_PAGE]
        held = [page for s in sequences for page in s.sliding_pages if page != NO_PAGE]
        self.sliding.check_integrity(snapshots + held)
        held = [page for sequence in sequences for page in sequence.full_pages]
        self.full.check_integrity([node.full_page for node in nodes] + held)
        for sequence in sequences:
            pages = [node.full_page for node in sequence.nodes]
            assert pages == sequence.full_pages[: len(pages)]
            ids = [token_id for node in sequence.nodes for token_id in node.token_ids]
            assert ids == sequence.token_ids[: len(ids)]
        self.prefixes.check_integrity()

    def _blocks(self, kind: Kind, page: int) -> list[NDArray[Any]]:
        """Keys and values of a page in every layer of one kind."""
        is_wanted = [(window is None) == (kind == "full") for window in self._windows]
        layers = compress(self.layers, is_wanted)
        return [part[page] for layer in layers for part in (layer.keys, layer.values)]

    def _make_known(self, sequence: Sequence, index: int) -> None:
        start = index * PAGE_SIZE
        token_ids = tuple(sequence.token_ids[start : start + PAGE_SIZE])
        parent = sequence.nodes[-1] if sequence.nodes else self.prefixes.root
        node = self.prefixes.insert(parent, token_ids, sequence.full_pages[index])
        if self.stored:
            self.stored.name(node)
        sequence.full_pages[index] = node.full_page
        sequence.nodes.append(node)
        if index in sequence.snapshot_pages and self.window is not None:
            self.prefixes.keep(node, sequence.sliding_pages[index])

    def _slide(self, sequence: Sequence, depth: int, window: int) -> None:
        """Frees what even a sequence that goes on from the last whole page does not see."""
        for index in range(first_visible_page(depth * PAGE_SIZE, window) - 1, -1, -1):
            if sequence.sliding_pages[index] == NO_PAGE:
                break  # everything before went earlier
            self._free_sliding(sequence, index)

    def _free_sliding(self, sequence: Sequence, index: int) -> None:
        page = sequence.sliding_pages[index]
        if page == NO_PAGE:
            return
        sequence.sliding_pages[index] = NO_PAGE
        self.sliding.free(page)
        if index < len(sequence.nodes):
            self.prefixes.leave_snapshot(sequence.nodes[index])


def snapshot_pages(boundaries: tuple[int, ...], window: int | None) -> frozenset[int]:
    """The pages of the windows that end with the last whole page before each boundary.

    Args:
        boundaries: see ``Request``.
    """
    if window is None:
        return frozenset()
    depths = {boundary // PAGE_SIZE for boundary in boundaries}
    return frozenset(
        page
        for depth in depths
        for page in range(first_visible_page(depth * PAGE_SIZE, window), depth)
    )
