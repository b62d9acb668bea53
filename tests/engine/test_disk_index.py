"""Which pages go first, how much room there is, and what a look at the folder finds."""

import fcntl
import os
import resource
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.engine.disk_entry import EntryName, Kind, chain_key, root_key
from ossia.engine.disk_index import (
    DiskIndex,
    StoredPage,
    least_recent,
    make_folder,
    remove_leftovers,
    scan,
)

ROOT = root_key("a model")


def names(kind: Kind, *places: tuple[int, ...]) -> list[EntryName]:
    """Entries at the ends of ways from the root, each step of which is a token."""
    found = []
    for place in places:
        parent = key = ROOT
        for token in place:
            parent, key = key, chain_key(key, [token])
        found.append(EntryName(key, parent, kind))
    return found


def put(folder: Path, index: DiskIndex, name: EntryName, num_bytes: int = 100) -> Path:
    path = name.path(folder)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(num_bytes))
    index.add(name, num_bytes)
    return path


@st.composite
def trees(draw: st.DrawFn) -> dict[bytes, StoredPage]:
    """Pages whose parents are earlier ones, or the root, used at any time."""
    pages: dict[bytes, StoredPage] = {}
    for number in range(draw(st.integers(0, 30))):
        parent = draw(st.sampled_from([ROOT, *pages]))
        stamp, size = draw(st.integers(0, 20)), draw(st.integers(1, 9))
        pages[chain_key(parent, [number])] = StoredPage(parent, stamp, {"full": size})
    return pages


def last_uses(pages: dict[bytes, StoredPage]) -> dict[bytes, int]:
    """When each page or one that follows it was last used."""
    uses = {key: page.stamp for key, page in pages.items()}
    for key in reversed(list(pages)):  # children come after their parents
        parent = pages[key].parent
        if parent in uses:
            uses[parent] = max(uses[parent], uses[key])
    return uses


@given(trees(), st.integers(0, 200), st.integers(0, 40))
def test_the_least_recent_go_first_and_none_before_those_that_follow_it(
    pages: dict[bytes, StoredPage], num_bytes: int, chosen: int
) -> None:
    kept = [ROOT, *pages][chosen % (len(pages) + 1)]
    victims = least_recent(pages, num_bytes, kept)
    gone: set[bytes] = set()
    for key in victims:
        children = {child for child, page in pages.items() if page.parent == key}
        assert children <= gone
        gone.add(key)
    guarded, key = set(), kept
    while key in pages:
        guarded.add(key)
        key = pages[key].parent
    assert not gone & guarded
    uses = last_uses(pages)
    stay = [uses[key] for key in pages if key not in gone | guarded]
    assert all(uses[key] <= use for key in gone for use in stay)
    freed = [pages[key].num_bytes for key in victims]
    assert sum(freed) >= num_bytes or gone | guarded == set(pages)
    assert sum(freed[:-1]) < num_bytes or not victims  # not one more than needed


def test_a_scan_finds_what_was_written_and_passes_over_the_rest(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    full = names("full", (1,), (1, 2))
    sliding = names("sliding", (1, 2))
    for name in (*full, *sliding):
        os.utime(put(tmp_path, index, name), ns=(5, 5))
    path = full[0].path(tmp_path)
    for stranger in ("notes.txt", path.name + ".bak", path.name.upper(), "00" + path.name[2:]):
        (path.parent / stranger).touch()
    (tmp_path / "xy").mkdir()
    (tmp_path / "CACHEDIR.TAG").touch()
    assert scan(tmp_path) == {
        full[0].key: StoredPage(ROOT, 5, {"full": 100}),
        full[1].key: StoredPage(full[0].key, 5, {"full": 100, "sliding": 100}),
    }
    assert DiskIndex(tmp_path, 10**6).num_bytes == index.num_bytes == 300
    index.clear()
    assert index.num_entries == index.num_bytes == 0
    assert not any(name.path(tmp_path).exists() for name in (*full, *sliding))
    assert (path.parent / "notes.txt").exists()


def test_room_is_made_a_little_ahead_and_at_the_end_of_what_was_not_used(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 1600)
    old, new = names("full", *[(1,) * n for n in range(1, 9)]), names("full", (2,), (3,))
    paths = [put(tmp_path, index, name) for name in (*old, *new)]
    assert index.make_room(600, ROOT)  # it fits
    assert index.num_entries == 10
    index.touch(old[-1].key)  # and with it all that is before it
    assert index.make_room(700, ROOT)  # 100 are missing, and 100 more are freed
    assert not paths[8].exists()
    assert not paths[9].exists()
    assert index.num_bytes == 800
    assert not index.make_room(1601, ROOT)
    assert not index.make_room(900, old[-1].key)  # it would have to go itself
    assert index.num_bytes == 800
    assert index.make_room(1100, ROOT)
    assert [path.exists() for path in paths] == [True] * 4 + [False] * 6


def test_what_others_write_counts_after_the_next_look(tmp_path: Path) -> None:
    mine, theirs = DiskIndex(tmp_path, 1600), DiskIndex(tmp_path, 1600)
    for name in names("full", *[(n,) for n in range(12)]):
        put(tmp_path, theirs, name)
    (name,) = names("full", (99,))
    assert mine.num_bytes == 0
    put(tmp_path, mine, name)  # a sixteenth of the limit
    assert mine.make_room(400, name.key)
    assert mine.contains(names("full", (11,))[0].key, "full")
    assert 1200 - 100 <= mine.num_bytes <= 1200
    assert mine.contains(name.key, "full")


def test_uses_are_in_order_and_outlive_the_process(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    entries = names("full", *[(n,) for n in range(20)])
    for name in entries:
        put(tmp_path, index, name)
    order = entries[::2] + entries[1::2]
    for name in order:
        index.touch(name.key)
    pages = scan(tmp_path)
    assert sorted(pages, key=lambda key: pages[key].stamp) == [name.key for name in order]


def test_a_time_in_the_future_is_now(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    (name,) = names("full", (1,))
    year_2200 = 7_258_118_400 * 10**9
    os.utime(put(tmp_path, index, name), ns=(year_2200, year_2200))
    assert scan(tmp_path)[name.key].stamp <= time.time_ns()


def test_a_look_that_fails_forgets_nothing(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    entries = names("full", *[(n,) for n in range(20)])
    for name in entries:
        put(tmp_path, index, name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        index.look()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (index.num_entries, index.num_bytes) == (20, 2000)
    shutil.rmtree(tmp_path)
    index.look()
    assert (index.num_entries, index.num_bytes) == (0, 0)


def test_touching_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    (name,) = names("full", (1,))
    index.touch(name.key)
    index.forget(name)
    assert not index.contains(name.key, "full")
    put(tmp_path, index, name).unlink()
    index.touch(name.key)  # another process was quicker
    index.forget(name)
    assert (index.num_bytes, index.num_entries, index.has_page(name.key)) == (0, 0, False)


def test_a_page_is_known_as_long_as_one_of_its_files_is(tmp_path: Path) -> None:
    index = DiskIndex(tmp_path, 10**6)
    (full,), (sliding,) = names("full", (1,)), names("sliding", (1,))
    put(tmp_path, index, full)
    put(tmp_path, index, sliding)
    index.forget(full)
    assert index.has_page(full.key)
    assert index.contains(full.key, "sliding")
    assert not index.contains(full.key, "full")
    assert index.num_bytes == 100


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "pages"
    make_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f068868")
    folder.chmod(0o755)
    make_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_leftovers_go_only_when_their_writer_is_dead(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".writing-1", tmp_path / ".writing-2"
    dead.touch()
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_leftovers(tmp_path)
        assert (dead.exists(), alive.exists()) == (False, True)
    remove_leftovers(tmp_path)
    assert not alive.exists()


@pytest.mark.parametrize("free_share", [0.0, 0.03, 0.06, 0.5])
def test_some_of_the_disk_is_left_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_share: float
) -> None:
    index = DiskIndex(tmp_path, 10**12)
    put(tmp_path, index, names("full", (1,))[0], 1000)
    blocks = 100_000
    real = os.statvfs(tmp_path)
    values = [4096, 4096, blocks, 0, int(blocks * free_share), *tuple(real)[5:]]
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert index.room() == 1000 + 4096 * (int(blocks * free_share) - blocks // 20)
