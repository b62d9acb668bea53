"""What was computed once and may serve again: a radix tree over whole pages of tokens.

A node is one page of a prefix; the way from the root spells the tokens before it. Keys and values
depend on those alone, and the kernels give the same bits in any batch, so a page serves everyone
whose prompt begins likewise. Full layers need every page of the prefix. Sliding layers need those
that the next token sees, so a prefix can be gone on from only where its last nodes hold them: a
*snapshot* of the window. It knows pages and their pools, and neither requests nor arrays.
"""

from collections import OrderedDict
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

from ossia.engine.pages import PagePool, first_visible_page
from ossia.ops.arrays import NO_PAGE, PAGE_SIZE


@dataclass(eq=False, slots=True)
class Node:
    """One page of a known prefix.

    Attributes:
        token_ids: its ``PAGE_SIZE`` tokens; none at the root.
        full_page: of the full layers; NO_PAGE once it was given up.
        sliding_page: of the sliding layers, or NO_PAGE where no snapshot has it.
        key: the name of the prefix that ends with it, where there is a cache on disk.
    """

    token_ids: tuple[int, ...]
    parent: "Node | None"
    full_page: int
    sliding_page: int = NO_PAGE
    key: bytes = b""
    children: dict[tuple[int, ...], "Node"] = field(default_factory=dict)


class PrefixCache:
    """The tree, an owner of every page in it; what no sequence uses goes, least recent first.

    Args:
        window: of the sliding layers, or None where there are none.
    """

    def __init__(self, full: PagePool, sliding: PagePool, window: int | None) -> None:
        self.root = Node((), None, NO_PAGE)
        self._full, self._sliding, self._window = full, sliding, window
        # Nodes that no sequence uses, the least recently used first. A child is idle before its
        # parent is, so the first is always a leaf.
        self._idle: OrderedDict[Node, None] = OrderedDict()
        self._idle_snapshots: OrderedDict[Node, None] = OrderedDict()

    @property
    def has_window(self) -> bool:
        """Whether a prefix needs snapshots."""
        return self._window is not None

    @property
    def num_idle(self) -> int:
        """Pages of the full layers that would be given up for a sequence."""
        return len(self._idle)

    @property
    def num_idle_snapshots(self) -> int:
        """Pages of the sliding layers that would be."""
        return len(self._idle_snapshots)

    def num_idle_beside(self, nodes: list[Node]) -> int:
        """The same without these nodes'."""
        return len(self._idle) - sum(node in self._idle for node in nodes)

    def num_idle_snapshots_beside(self, nodes: list[Node]) -> int:
        """The same without these nodes'."""
        return len(self._idle_snapshots) - sum(node in self._idle_snapshots for node in nodes)

    def walk(self, token_ids: Items[int]) -> list[Node]:
        """The nodes of the longest known prefix that leaves a token to compute."""
        nodes, node = [], self.root
        for start in range(0, len(token_ids) - PAGE_SIZE, PAGE_SIZE):
            child = node.children.get(tuple(token_ids[start : start + PAGE_SIZE]))
            if child is None:
                break
            nodes.append(child)
            node = child
        return nodes

    def usable(self, nodes: list[Node]) -> int:
        """How many of a path's nodes, from the root, can be gone on from."""
        if self._window is None:
            return len(nodes)
        for depth in range(len(nodes), 0, -1):
            seen = nodes[self.first_seen(depth) : depth]
            if all(node.sliding_page != NO_PAGE for node in seen):
                return depth
        return 0

    def first_seen(self, depth: int) -> int:
        """The first page of a window that ends with so many whole pages."""
        return first_visible_page(depth * PAGE_SIZE, self._window or 1)

    def take(self, nodes: list[Node]) -> tuple[list[int], list[int]]:
        """A sequence goes on after these nodes: its full and sliding pages, which it now shares."""
        full = [self._full.share(node.full_page) for node in nodes]
        for node in nodes:
            self._idle.pop(node, None)
        if self._window is None:
            return full, []
        first = self.first_seen(len(nodes))
        sliding = [NO_PAGE] * first
        for node in nodes[first:]:
            sliding.append(self._sliding.share(node.sliding_page))
            self._idle_snapshots.pop(node, None)
        return full, sliding

    def insert(self, parent: Node, token_ids: tuple[int, ...], full_page: int) -> Node:
        """The node after ``parent`` for a page that a sequence has filled.

        A sequence that has computed what is known already changes its page for the known one: the
        caller holds the node's page from now on, and ``full_page`` only where it is the same.
        """
        node = parent.children.get(token_ids)
        if node is None:
            node = parent.children[token_ids] = Node(token_ids, parent, self._full.share(full_page))
        elif node.full_page != full_page:
            self._full.share(node.full_page)
            self._full.free(full_page)
            self._idle.pop(node, None)
        return node

    def adopt(self, parent: Node, token_ids: tuple[int, ...], full_page: int) -> Node:
        """The node after ``parent`` for a page that came from elsewhere; the tree alone owns it.

        ``refresh`` must follow before anything is evicted.
        """
        node = Node(token_ids, parent, full_page)
        parent.children[token_ids] = node
        self._idle[node] = None
        return node

    def adopt_snapshot(self, node: Node, sliding_page: int) -> None:
        """The same for a node's part of a snapshot, which it has not."""
        node.sliding_page = sliding_page
        if self._sliding.owners(sliding_page) == 1:
            self._idle_snapshots[node] = None

    def refresh(self, path: list[Node]) -> None:
        """Counts what is idle on a path as used just now."""
        for node in reversed(path):
            if node in self._idle:
                self._idle.move_to_end(node)
            if node in self._idle_snapshots:
                self._idle_snapshots.move_to_end(node)

    def keep(self, node: Node, sliding_page: int) -> None:
        """Makes a sequence's sliding page a part of a snapshot, if the node has none yet."""
        if node.sliding_page == NO_PAGE:
            node.sliding_page = self._sliding.share(sliding_page)

    def leave(self, node: Node) -> None:
        """A sequence no longer uses a node. Paths are left from their end to their beginning."""
        self._full.free(node.full_page)
        if self._full.owners(node.full_page) == 1:
            self._idle[node] = None

    def leave_snapshot(self, node: Node) -> None:
        """A sequence has freed its sliding page of a node, which may be the node's as well."""
        if node.sliding_page != NO_PAGE and self._sliding.owners(node.sliding_page) == 1:
            self._idle_snapshots[node] = None

    def evict(self) -> bool:
        """Gives up the page that was not used for the longest; False where all are in use."""
        if not self._idle:
            return False
        node, _ = self._idle.popitem(last=False)
        assert node.parent is not None
        assert not node.children
        del node.parent.children[node.token_ids]
        self._full.free(node.full_page)
        node.full_page = NO_PAGE
        if node.sliding_page != NO_PAGE:
            self._drop_snapshot(node)
        return True

    def evict_snapshot(self) -> bool:
        """Gives up the part of a snapshot that was not used for the longest."""
        if not self._idle_snapshots:
            return False
        self._drop_snapshot(next(iter(self._idle_snapshots)))
        return True

    def nodes(self) -> list[Node]:
        """All nodes but the root, parents first."""
        found = list(self.root.children.values())
        for node in found:
            found.extend(node.children.values())
        return found

    def check_integrity(self) -> None:
        """For tests: what counts as idle is what nobody but the tree owns, children first.

        Raises:
            AssertionError: it is not so.
        """
        nodes = self.nodes()
        idle = {node for node in nodes if self._full.owners(node.full_page) == 1}
        assert idle == set(self._idle), "a node is idle that is used, or the other way round"
        snapshots = [node for node in nodes if node.sliding_page != NO_PAGE]
        alone = {node for node in snapshots if self._sliding.owners(node.sliding_page) == 1}
        assert alone == set(self._idle_snapshots), "a snapshot is idle that is used, or not"
        place = {node: index for index, node in enumerate(self._idle)}
        for node in self._idle:
            assert all(place[child] < place[node] for child in node.children.values())

    def _drop_snapshot(self, node: Node) -> None:
        del self._idle_snapshots[node]
        self._sliding.free(node.sliding_page)
        node.sliding_page = NO_PAGE
