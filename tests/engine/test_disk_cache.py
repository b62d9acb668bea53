"""The cache on disk: with real files, real processes that are killed, and disks that are full."""

import logging
import os
import random
import resource
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.engine.disk_pages import (
    ENTRY_BYTES,
    NUM_BLOCKS,
    Page,
    blocks_of,
    chain,
    files_of,
    key_of,
    load,
    run_python,
    store,
)

from ossia.engine import disk_cache
from ossia.engine.disk_cache import DiskCache
from ossia.engine.disk_entry import Kind

KINDS: tuple[Kind, ...] = ("full", "sliding")
SMALL = ENTRY_BYTES + 32 * NUM_BLOCKS
"""Bytes of an entry as ``store`` makes it when it is not told otherwise."""

IN_A_MOUNT = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")


def open_cache(folder: Path, limit: int = 10**9, fingerprint: str = "a model") -> DiskCache:
    return DiskCache(folder, limit, fingerprint)


def filled(folder: Path, length: int = 4, limit: int = 10**9) -> tuple[DiskCache, list[Page]]:
    """A cache that has written a conversation."""
    cache = open_cache(folder, limit)
    pages = chain(cache.root, 0, length)
    for page in pages:
        store(cache, page)
    assert cache.flush(60)
    return cache, pages


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "ossia.engine"]


def test_a_conversation_comes_back_after_a_restart(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "pages")
    pages = chain(cache.root, 0, 6)
    for number, page in enumerate(pages):
        store(cache, page)
        if number >= 2:
            store(cache, page, "sliding")
    assert cache.close(60)
    assert cache.stats().entries == 10
    again = open_cache(tmp_path / "pages")
    assert again.root == cache.root
    for number, page in enumerate(pages):
        assert again.contains(key_of(page), "full")
        assert again.contains(key_of(page), "sliding") is (number >= 2)
        assert load(again, page)
        assert load(again, page, "sliding") is (number >= 2)
    stats = again.stats()
    assert (stats.hits, stats.misses, stats.damaged, stats.dropped) == (10, 2, 0, 0)
    assert (
        stats.bytes
        == 10 * SMALL
        == sum(path.stat().st_size for path in files_of(tmp_path / "pages"))
    )
    assert again.close(60)


def test_the_blocks_are_copied_before_store_returns(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    for page in chain(cache.root, 0, 20):
        blocks = blocks_of(page, "full", (16,))
        cache.store(*page, "full", blocks)
        for block in blocks:
            block.fill(0)
    assert cache.close(60)
    assert all(load(cache, page) for page in chain(cache.root, 0, 20))


def test_pages_of_a_pool_are_stored_and_read_where_they_lie(tmp_path: Path) -> None:
    """As the engine does: a block is one page of an array that holds many."""
    cache = open_cache(tmp_path)
    (page,) = chain(cache.root, 0, 1)
    rng = np.random.default_rng(1)
    pool = [rng.standard_normal((5, 2, 3, 4), np.float32) for _ in range(NUM_BLOCKS)]
    cache.store(*page, "full", [array[3] for array in pool])
    assert cache.flush(60)
    into = [np.zeros_like(array) for array in pool]
    assert cache.load(*page, "full", [array[1] for array in into])
    for array, expected in zip(into, pool, strict=True):
        assert (array[1] == expected[3]).all()
        assert not array[[0, 2, 3, 4]].any()
    with pytest.raises(ValueError, match="has gaps"):
        cache.store(*page, "sliding", [array[:, 0] for array in pool])
    cache.close(60)


def test_another_model_has_other_pages(tmp_path: Path) -> None:
    cache, pages = filled(tmp_path)
    other = open_cache(tmp_path, fingerprint="another model")
    assert not any(load(other, page) for page in chain(other.root, 0, 4))
    for page in chain(other.root, 0, 4):
        store(other, page)
    assert other.close(60)
    assert all(load(cache, page) for page in pages)
    cache.close(60)
    assert open_cache(tmp_path).stats().entries == 8


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    cache, pages = filled(tmp_path)
    before = [path.stat().st_ino for path in files_of(tmp_path)]
    for page in pages:
        store(cache, page)
    assert cache.close(60)
    assert [path.stat().st_ino for path in files_of(tmp_path)] == before
    assert cache.stats().dropped == 0


def test_no_page_is_written_before_the_one_before_it(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    first, second, third = chain(cache.root, 0, 3)
    for page in (second, first, third):
        store(cache, page)
    assert cache.flush(60)
    assert [load(cache, page) for page in (first, second, third)] == [True, False, False]
    for page in (first, second, third):
        store(cache, page)
    assert cache.close(60)
    assert cache.stats().dropped == 2
    assert all(load(cache, page) for page in (first, second, third))


# Damage


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip_in_header(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[70] ^= 1
    path.write_bytes(contents)


def flip_in_payload(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 128
    path.write_bytes(contents)


def newer_version(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[8] += 1
    path.write_bytes(contents)


def folder_instead(path: Path) -> None:
    path.unlink()
    (path / "with" / "more").mkdir(parents=True)


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncate, "it has 100 bytes of"),
        (empty, "it has 0 bytes of"),
        (flip_in_header, "its header names other contents"),
        (flip_in_payload, "its checksum is not that of its contents"),
        (newer_version, "it is of version 2, not 1"),
        (folder_instead, "it is no file"),
        (dangling_link, "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("is_restarted", [False, True])
def test_damage_is_one_warning_and_a_miss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil, reason: str, is_restarted: bool
) -> None:
    cache, pages = filled(tmp_path)
    path = next(tmp_path.glob(f"*/{key_of(pages[1]).hex()}-*"))
    spoil(path)
    if is_restarted:
        cache.close(60)
        cache = open_cache(tmp_path)
        assert cache.contains(key_of(pages[1]), "full")
    for _ in range(3):
        assert [load(cache, page) for page in pages] == [True, False, True, True]
    assert not os.path.lexists(path)
    assert not cache.contains(key_of(pages[1]), "full")
    (message,) = messages(caplog)
    assert str(path) in message
    assert reason in message
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.damaged, stats.entries) == (9, 2, 1, 3)
    store(cache, pages[1])  # it is computed again
    assert cache.flush(60) or is_restarted
    assert all(load(cache, page) for page in pages)
    assert cache.close(60)


def test_an_entry_that_may_not_be_read_is_removed() -> None:
    """As somebody who is not root, whom permissions do not concern."""
    script = """
import logging, os, shutil, sys, tempfile
from pathlib import Path
from tests.engine.test_disk_cache import *
folder = Path(tempfile.mkdtemp())
np.random.default_rng()  # modules that are imported late, from where others may not read
try:
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        os.setuid(65534)
    logging.basicConfig(format="%(message)s")
    cache, pages = filled(folder)
    path = next(folder.glob(f"*/{key_of(pages[1]).hex()}-*"))
    path.chmod(0)
    assert [load(cache, page) for page in pages] == [True, False, True, True]
    assert not path.exists()
    assert cache.close(60)
    folder.chmod(0)  # the owner's own folder is mended
    cache = open_cache(folder)
    assert load(cache, pages[0])
    assert cache.close(60)
    for entry in folder.iterdir():
        entry.chmod(0o500) if entry.is_dir() else None
    path = next(folder.glob(f"*/{key_of(pages[0]).hex()}-*"))
    path.chmod(0)  # and cannot be removed
    cache = open_cache(folder)
    assert not any(load(cache, pages[0]) for _ in range(3))
    for page in pages:
        store(cache, page)
    assert cache.close(60)
    assert load(cache, pages[2])
    assert not load(cache, pages[0])
finally:
    os.system(f"chmod -R u+rwx {folder}")
    shutil.rmtree(folder)
"""
    done = run_python(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("entry of the cache on disk is given up") == 2
    assert done.stderr.count("takes no more pages") == 1
    assert done.stderr.count("Permission denied") == 3


def test_no_more_descriptors_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache, pages = filled(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        into = [np.ones(32, np.uint8) for _ in range(NUM_BLOCKS)]
        assert not cache.load(*pages[0], "full", into)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert cache.stats().misses == 1
    assert load(cache, pages[0])
    assert not messages(caplog)
    assert cache.close(60)


def test_an_entry_that_another_process_has_evicted_is_a_miss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, pages = filled(tmp_path)
    other = open_cache(tmp_path)
    other.clear()
    assert other.close(60)
    assert cache.contains(key_of(pages[0]), "full")
    assert not load(cache, pages[0])
    assert not cache.contains(key_of(pages[0]), "full")
    assert (cache.stats().misses, cache.stats().damaged) == (1, 0)
    shutil.rmtree(tmp_path)  # somebody cleans up by hand; the next entry is dropped
    for page in pages:
        load(cache, page)
    store(cache, pages[0])
    cache.flush(60)
    store(cache, pages[0])
    assert cache.close(60)
    assert load(cache, pages[0])
    assert not messages(caplog)


# Limits


def test_the_limit_is_kept_and_the_last_used_stay(tmp_path: Path) -> None:
    limit = 40 * (SMALL + 4096)
    cache = open_cache(tmp_path, limit)
    conversations = [chain(cache.root, name, 5) for name in range(30)]
    seen = 0
    for conversation in conversations:
        for page in conversation:
            store(cache, page, num_bytes=1024)
            assert load(cache, conversations[0][0], num_bytes=1024) or seen == 0
            assert cache.flush(60)
            seen = sum(path.stat().st_size for path in files_of(tmp_path))
            assert seen == cache.stats().bytes <= limit
    assert seen > limit * 3 // 4
    assert all(load(cache, page, num_bytes=1024) for page in conversations[-1])
    assert load(cache, conversations[0][0], num_bytes=1024)  # used all the time
    for conversation in conversations:  # what is there is the beginning of a conversation
        there = [cache.contains(key_of(page), "full") for page in conversation]
        assert there == sorted(there, reverse=True)
    assert cache.close(60)


def test_a_conversation_that_fills_the_limit_keeps_its_beginning(tmp_path: Path) -> None:
    limit = 20 * (SMALL + 4096)
    cache = open_cache(tmp_path, limit)
    old, pages = chain(cache.root, 1, 5), chain(cache.root, 0, 60)
    for page in old + pages:
        store(cache, page, num_bytes=1024)
    assert cache.close(60)
    there = [cache.contains(key_of(page), "full") for page in pages]
    assert there.count(True) >= 18
    assert there == sorted(there, reverse=True)
    assert not any(cache.contains(key_of(page), "full") for page in old)
    assert cache.stats().dropped == there.count(False)


def test_a_snapshot_does_not_drive_out_its_own_page(tmp_path: Path) -> None:
    cache = open_cache(tmp_path, 20 * (SMALL + 4096))
    pages = chain(cache.root, 0, 30)
    for page in pages:
        store(cache, page, num_bytes=1024)
    assert cache.flush(60)
    last = [page for page in pages if cache.contains(key_of(page), "full")][-1]
    store(cache, last, "sliding", num_bytes=1024)
    assert cache.close(60)
    assert cache.contains(key_of(last), "full")
    assert not cache.contains(key_of(last), "sliding")


def test_recency_outlives_a_restart(tmp_path: Path) -> None:
    limit = 40 * (SMALL + 4096)
    cache = open_cache(tmp_path, limit)
    conversations = [chain(cache.root, name, 4) for name in range(8)]
    for conversation in conversations:
        for page in conversation:
            store(cache, page, num_bytes=1024)
    assert cache.flush(60)
    assert load(cache, conversations[0][-1], num_bytes=1024)
    cache.touch(key_of(conversations[1][-1]))
    assert cache.close(60)
    again = open_cache(tmp_path, limit)
    for name in (100, 101, 102, 103):
        for page in chain(again.root, name, 4):
            store(again, page, num_bytes=1024)
    assert again.close(60)
    whole = [
        all(again.contains(key_of(page), "full") for page in conversation)
        for conversation in conversations
    ]
    assert whole[:3] == [True, True, False]
    assert whole[-1]


def test_a_smaller_limit_after_a_restart(tmp_path: Path) -> None:
    cache, _ = filled(tmp_path, 50)
    assert cache.close(60)
    limit = 10 * SMALL + 4096
    again = open_cache(tmp_path, limit)
    store(again, chain(again.root, 5, 1)[0])
    assert again.close(60)
    assert again.contains(key_of(chain(again.root, 5, 1)[0]), "full")
    assert sum(path.stat().st_size for path in files_of(tmp_path)) <= limit


def test_an_entry_beyond_the_limit_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, _ = filled(tmp_path, 3, limit=100)
    assert cache.stats().dropped == 3
    (message,) = messages(caplog)
    assert "there is room for 100 bytes" in message
    assert cache.close(60)


def test_the_memory_for_what_waits_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "WAITING_BYTES", 10 * 32 * NUM_BLOCKS)
    may_write = threading.Event()
    real = disk_cache.write_entry

    def slow_disk(*arguments) -> int:
        may_write.wait()
        return real(*arguments)

    monkeypatch.setattr(disk_cache, "write_entry", slow_disk)
    cache = open_cache(tmp_path)
    pages = chain(cache.root, 0, 30)
    for page in pages:
        store(cache, page)  # and returns
    assert cache.stats().dropped == 20
    assert not cache.flush(0.01)
    assert not cache.has_room
    may_write.set()
    assert cache.flush(60)
    assert cache.has_room
    for page in pages[:15]:
        store(cache, page)
    assert cache.close(60)
    assert all(load(cache, page) for page in pages[:15])
    assert cache.stats().dropped == 20


def test_close_ends_in_time_and_drops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    real = disk_cache.write_entry

    def slow_disk(*arguments) -> int:
        may_write.wait()
        return real(*arguments)

    monkeypatch.setattr(disk_cache, "write_entry", slow_disk)
    cache = open_cache(tmp_path)
    pages = chain(cache.root, 0, 10)
    for page in pages:
        store(cache, page)
    assert not cache.close(0.01)
    may_write.set()
    assert cache.close(60)
    store(cache, pages[5])
    stats = cache.stats()
    assert stats.entries <= 1
    assert stats.dropped == 11 - stats.entries


def test_clear_leaves_nothing_of_anybody(tmp_path: Path) -> None:
    other, _ = filled(tmp_path)
    cache = open_cache(tmp_path, fingerprint="another model")
    for page in chain(other.root, 7, 5):
        store(other, page)
    assert other.flush(60)
    for page in chain(cache.root, 0, 100):
        store(cache, page)
    cache.clear()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "CACHEDIR.TAG"]
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)
    assert cache.close(60)
    assert other.close(60)


# Disks that take no more


SCRIPT = """
import logging, sys
from tests.engine.test_disk_cache import *
logging.basicConfig(format="%(message)s")
folder = Path(sys.argv[1])
"""

FULL = """
cache = open_cache(folder)
pages = chain(cache.root, 0, 200)
for page in pages[:5]:
    store(cache, page, num_bytes=4096)
assert cache.flush(60)
{limit}
for page in pages:
    store(cache, page, num_bytes=4 * 4096)
assert cache.flush(60)
for page in pages[:5]:
    assert load(cache, page, num_bytes=4096)
assert not load(cache, pages[-1], num_bytes=4 * 4096)
stats = cache.stats()
assert stats.dropped + stats.entries == 200, stats
assert stats.damaged == 0 and stats.dropped > 100, stats
assert not list(folder.glob(".writing*"))
assert cache.close(60)
"""


def in_a_mount(options: str, folder: Path, script: str) -> str:
    """Runs a script whose folder is a file system in memory; returns what it said."""
    if run_python("", before=(*IN_A_MOUNT, "mount -t tmpfs tmpfs /mnt", "sh")).returncode:
        pytest.skip("this system lets nobody mount")
    mount = f"mount -t tmpfs -o {options} tmpfs {folder}"
    done = run_python(script, folder, before=(*IN_A_MOUNT, f'{mount} && exec "$@"', "sh"))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_file_that_may_not_grow_stops_storing(tmp_path: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    done = run_python(SCRIPT + FULL.format(limit=limit), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("takes no more pages") == 1
    assert "File too large" in done.stderr


def test_a_full_disk_stops_storing(tmp_path: Path) -> None:
    said = in_a_mount("size=64m,nr_inodes=60", tmp_path, SCRIPT + FULL.format(limit=""))
    assert said.count("takes no more pages") == 1
    assert "No space left on device" in said


def test_a_disk_that_others_fill_gets_its_room_back(tmp_path: Path) -> None:
    script = """
cache = open_cache(folder)
def talk(name):
    for page in chain(cache.root, name, 10):
        store(cache, page, num_bytes=4096)
    assert cache.flush(60)
def free():
    disk = os.statvfs(folder)
    return disk.f_bavail / disk.f_blocks
for name in range(60):
    talk(name)
assert 0.03 < free() < 0.2, free()
full = cache.stats().bytes
assert full > 5 << 20, full
(folder / "others").write_bytes(bytes(300 << 10))
talk(100)
assert free() > 0.03, free()
assert cache.stats().bytes < full - (100 << 10)
assert all(load(cache, page, num_bytes=4096) for page in chain(cache.root, 100, 10))
cache.clear()
with open(folder / "others", "ab") as others:
    others.write(bytes(int(free() * (8 << 20)) - 4096))
talk(101)
talk(102)
assert cache.stats().entries == 0
assert cache.close(60)
"""
    said = in_a_mount("size=8m", tmp_path, SCRIPT + script)
    assert said.count("takes no more pages") == 1
    assert "there is room for 0 bytes" in said


def test_a_read_only_folder_serves_and_takes_nothing(tmp_path: Path) -> None:
    script = """
cache, pages = filled(folder)
assert cache.close(60)
assert os.system(f"mount -o remount,ro {folder}") == 0
cache = open_cache(folder)
assert all(load(cache, page) for page in pages)
cache.touch(key_of(pages[0]))
for page in chain(cache.root, 1, 10):
    store(cache, page)
assert cache.close(60)
assert cache.stats().dropped == 10
assert all(load(cache, page) for page in pages)
"""
    said = in_a_mount("size=8m", tmp_path, SCRIPT + script)
    assert said.count("takes no more pages") == 1
    assert "Read-only file system" in said


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path)])
def test_a_folder_that_cannot_be_is_an_empty_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make
) -> None:
    make(tmp_path / "pages")
    cache, pages = filled(tmp_path / "pages")
    assert not any(load(cache, page) for page in pages)
    assert (cache.stats().entries, cache.stats().dropped) == (0, 4)
    assert cache.close(60)
    assert len(messages(caplog)) == 1


def test_no_trouble_of_the_writer_reaches_the_engine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(disk_cache, "write_entry", fails)
    cache, pages = filled(tmp_path)
    assert not load(cache, pages[0])
    assert cache.stats().dropped == 4
    assert cache.close(60)
    (message,) = messages(caplog)
    assert "MemoryError()" in message


# Processes


KILLED = """
import os, random, signal, sys, time
from ossia.engine.disk_entry import root_key
from tests.engine.test_disk_cache import *
folder, leftovers = Path(sys.argv[1]), 0
rng = random.Random(8)
root = root_key("a model")
for name in range(300):
    if name >= 40 and leftovers >= 3:
        break
    pages = [(page, blocks_of(page, "full", (32 << 10,))) for page in chain(root, name, 20)]
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        cache = open_cache(folder)
        os.write(begun, b"!")
        for page, blocks in pages:
            cache.store(*page, "full", blocks)
        time.sleep(60)
    os.read(ready, 1)
    time.sleep(rng.uniform(0.001, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    leftovers += len(list(folder.glob(".writing-*")))
print(name, leftovers)
"""


def test_a_kill_loses_the_entry_under_way_alone(tmp_path: Path) -> None:
    """Processes write as fast as they can and are killed at a random moment, until it hurt."""
    done = run_python(KILLED, tmp_path)
    assert done.returncode == 0, done.stderr
    num_killed, num_leftovers = map(int, done.stdout.split())
    assert num_leftovers > 0, f"none of {num_killed} processes was killed while it wrote"
    cache = open_cache(tmp_path)
    assert not list(tmp_path.glob(".writing-*"))
    num_files, num_found = cache.stats().entries, 0
    for name in range(num_killed + 1):
        for page in chain(cache.root, name, 20):
            if not load(cache, page, num_bytes=64 << 10):
                break
            num_found += 1
    assert num_found == num_files > 40
    assert cache.stats().damaged == 0
    assert cache.close(60)


SHARED = """
import random, sys, time
from tests.engine.test_disk_cache import *
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
logging.basicConfig(format="%(message)s")
cache, rng = open_cache(folder, 2_000_000), random.Random(seed)
hits, end = 0, time.monotonic() + 3
while time.monotonic() < end:
    for page in chain(cache.root, rng.randrange(50), rng.randrange(1, 12)):
        kind = rng.choice(KINDS)
        if not load(cache, page, kind, 4096):
            store(cache, page, kind, 4096)
    if rng.random() < 0.02:
        cache.clear()
    if rng.random() < 0.05:
        assert cache.close(60)
        old, cache = cache, open_cache(folder, 2_000_000)
        assert old.stats().damaged == 0
        hits += old.stats().hits
assert cache.close(60)
assert cache.stats().damaged == 0
assert hits + cache.stats().hits > 0
"""


def test_processes_that_share_a_folder_leave_each_others_entries_whole(tmp_path: Path) -> None:
    """Three write, read, evict, clear and restart; ``load`` compares every byte."""
    outcomes: list[tuple[int, str]] = []

    def talk(seed: int) -> None:
        done = run_python(SHARED, tmp_path, seed)
        outcomes.append((done.returncode, done.stderr))

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [(0, "")] * 3
    cache = open_cache(tmp_path, 2_000_000)
    assert cache.stats().bytes <= 2_000_000 * (1 + 3 / 16) + 3 * 20_000  # an entry each
    assert not list(tmp_path.glob(".writing-*"))
    cache.clear()
    assert not files_of(tmp_path)
    assert cache.close(60)


def test_threads_may_share_a_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = open_cache(tmp_path, 400 * SMALL)

    def talk(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(60):
            for page in chain(cache.root, rng.randrange(20), rng.randrange(1, 12)):
                if not load(cache, page):
                    store(cache, page)

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.close(60)
    stats = cache.stats()
    assert stats.damaged == 0
    assert stats.hits > 0
    assert stats.bytes == sum(path.stat().st_size for path in files_of(tmp_path)) <= 400 * SMALL
    assert not messages(caplog)


def test_the_log_is_the_engines() -> None:
    assert disk_cache._log is logging.getLogger("ossia.engine")
