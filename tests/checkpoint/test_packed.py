"""The packed file: made at once or not at all, used only for what it was made from."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.checkpoint import Layout, SyntheticCheckpoint, SyntheticShape, convert, open_checkpoint
from ossia.checkpoint.packed import Packed, open_packed, write_packed
from ossia.checkpoint.source import Source
from ossia.checkpoint.stored import silent
from ossia.numerics.arrays import Mxfp4Array, TiledArray
from ossia.numerics.dequantize import to_float32
from ossia.numerics.ggml import quantize_q8
from ossia.numerics.tiles import tile

SHAPE = SyntheticShape(2, 96, 64, 6, 3, 6, 2, head_dim=32, vocabulary=301)
LAYOUT = "test-1"
GROUPS = (
    ("layers.0.attention.q",),
    ("layers.1.experts.gate", "layers.1.experts.up"),
    ("layers.1.experts.down",),
    ("unembedding",),
)
EXPERTS = "layers.1.experts.gate+layers.1.experts.up:64x96"
NAMES = tuple(name for names in GROUPS for name in names)


def tiles_of(source: Source, name: str, expert: int | None = None) -> TiledArray:
    released = source.read(name, expert)
    return tile(released if isinstance(released, Mxfp4Array) else quantize_q8(to_float32(released)))


def make_pieces(source: Source, names: tuple[str, ...]) -> Iterator[tuple[TiledArray, ...]]:
    shape = source.tensors[names[0]].shape
    for expert in range(shape[0]) if len(shape) == 3 else (None,):
        yield tuple(tiles_of(source, name, expert) for name in names)


def tensors_of(source: Source) -> list[Packed]:
    return [
        Packed(
            names,
            source.tensors[names[0]].shape,
            source.tensors[names[0]].encoding == "MXFP4",
            partial(make_pieces, source, names),
        )
        for names in GROUPS
    ]


def write(source: Source) -> Path:
    return write_packed(source, LAYOUT, tensors_of(source), silent)


@pytest.fixture(params=[Layout.HF, Layout.OPENAI, Layout.GGUF])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    path = tmp_path / "models" / "checkpoint"
    path.parent.mkdir()
    convert(SyntheticCheckpoint(SHAPE, seed=2), path, to=request.param)
    return open_checkpoint(path)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def one_source(tmp_path: Path) -> Source:
    path = tmp_path / "one"
    convert(SyntheticCheckpoint(SHAPE, seed=2), path, to=Layout.HF)
    return open_checkpoint(path)


def assert_whole(source: Source, path: Path) -> None:
    found = open_packed(source, LAYOUT)
    assert found is not None
    assert found[0] == path
    assert set(found[1]) == set(NAMES)
    for name in NAMES:
        array, expected = found[1][name], tiles_of(source, name)
        assert array.shape == source.tensors[name].shape
        np.testing.assert_array_equal(array.values, expected.values)
        np.testing.assert_array_equal(array.scales, expected.scales)
        assert not array.values.flags.owndata
        assert not array.values.flags.writeable


def test_what_is_written_is_mapped_again(source: Source) -> None:
    assert open_packed(source, LAYOUT) is None
    path = write(source)
    assert path.parent == source.files[0].parent / ".ossia"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert_whole(source, path)
    assert open_packed(source, "test-2") is None


def test_an_independent_reader_reads_it(one_source: Source) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    found = safetensors.load_file(write(one_source))
    expected = tiles_of(one_source, "layers.1.experts.up")
    np.testing.assert_array_equal(found[EXPERTS][..., 1, :, :], expected.tiles)


def test_values_begin_at_a_page(one_source: Source) -> None:
    found = open_packed(one_source, LAYOUT) or (write(one_source), {})
    found = open_packed(one_source, LAYOUT) or found
    first = min(array.values.ctypes.data for array in found[1].values())
    assert first % 4096 == 0


def test_progress_is_told_to_the_end(one_source: Source) -> None:
    told: list[tuple[int, int]] = []
    write_packed(
        one_source, LAYOUT, tensors_of(one_source), lambda done, total: told.append((done, total))
    )
    done, totals = [each[0] for each in told], {each[1] for each in told}
    assert done == sorted(done)
    assert totals == {done[-1]}
    assert done[-1] == sum(tiles_of(one_source, name).nbytes for name in NAMES)
    assert len(told) > len(NAMES)


def change_content(path: Path) -> None:
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def touch(path: Path) -> None:
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))


def lengthen(path: Path) -> None:
    times = path.stat()
    with path.open("ab") as file:
        file.write(b"\0")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("change", [change_content, touch, lengthen])
def test_of_a_changed_checkpoint_it_is_not_used(
    one_source: Source, change: Callable[[Path], None]
) -> None:
    path = write(one_source)
    before = path.stat().st_mtime_ns
    change(one_source.files[0])
    assert open_packed(one_source, LAYOUT) is None
    assert write(one_source) == path
    assert path.stat().st_mtime_ns > before
    assert len(list(path.parent.iterdir())) == 1
    assert open_packed(one_source, LAYOUT) is not None


def test_a_mapped_one_stays_while_it_is_replaced(one_source: Source) -> None:
    write(one_source)
    found = open_packed(one_source, LAYOUT)
    assert found is not None
    expected = tiles_of(one_source, "unembedding")
    touch(one_source.files[0])
    write(one_source)
    np.testing.assert_array_equal(found[1]["unembedding"].values, expected.values)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4, b"\0" * 100, b"\xff" * 100, b"{}", (2).to_bytes(8, "little") + b"{}"],
)
def test_a_foreign_file_in_its_place_is_replaced(one_source: Source, content: bytes) -> None:
    path = write(one_source)
    path.write_bytes(content)
    assert open_packed(one_source, LAYOUT) is None
    assert write(one_source) == path
    assert_whole(one_source, path)


def test_a_folder_in_its_place_is_left_alone(one_source: Source, home: Path) -> None:
    path = write(one_source)
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("keep me")
    assert open_packed(one_source, LAYOUT) is None
    other = write(one_source)
    assert other.parent == home / "packed"
    assert (path / "mine").read_text() == "keep me"
    assert_whole(one_source, other)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_replaced(one_source: Source, share: float) -> None:
    path = write(one_source)
    os.truncate(path, int(path.stat().st_size * share))
    assert open_packed(one_source, LAYOUT) is None
    assert_whole(one_source, write(one_source))


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_never_does_harm(one_source: Source, data: st.DataObject) -> None:
    """Bytes that another program changed: whatever comes back has the right shape, or nothing."""
    path = write(one_source)
    whole = path.read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    header = bytearray(whole[:length])
    for _ in range(data.draw(st.integers(1, 3))):
        header[data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(header) + whole[length:])
    assert_harmless(open_packed(one_source, LAYOUT))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (":96x96", ":97x96"),  # rows that the tiles have not
        (":96x96", ":96x32"),
        (":96x96", ":96y96"),
        (":96x96", ":-1x96"),
        (":96x96", ":1e1x9"),
        (":96x96", ":٩٦x96"),
        ('"U8"', '"I8"'),
        ("q:192x96", "q+192x96"),
        ("q:192x96", "+:192x96"),
        ("[12,1,3,544]", "[3,1,12,544]"),
        ("[12,1,3,544]", "[12,3,1,544]"),
        ("[12,1,3,544]", "[12,3,544,1]"),
        ("[12,1,3,544]", "[12,3,544]  "),
    ],
)
def test_a_header_that_says_something_else_never_does_harm(
    one_source: Source, old: str, new: str
) -> None:
    path = write(one_source)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = whole[8 : 8 + length].decode().replace(": ", ":").replace(", ", ",")
    changed = header.replace(old, new).encode()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + whole[8 + length :])
    assert_harmless(open_packed(one_source, LAYOUT))


def assert_harmless(found: tuple[Path, object] | None) -> None:
    """What the kernels would be given agrees in its shapes."""
    arrays = found[1] if found else {}
    assert isinstance(arrays, dict)
    for array in arrays.values():
        assert isinstance(array, TiledArray)
        is_mxfp4 = array.scales.dtype == np.uint8
        assert array.scales.dtype in (np.uint8, np.float16)
        *leading, tiles, blocks, lanes = array.scales.shape
        assert lanes == 16
        assert array.values.shape == (*leading, tiles, blocks, 256 if is_mxfp4 else 512)
        assert tiles == -(-array.rows // 16)
        assert blocks == -(-array.columns // 32)


@pytest.fixture
def read_only(one_source: Source) -> None:
    """As on a disk of others; root can write all the same, so a file bars the way."""
    (one_source.files[0].parent / ".ossia").write_bytes(b"")


@pytest.mark.usefixtures("read_only")
def test_where_the_checkpoint_cannot_be_written_it_lies_in_ossia_home(
    one_source: Source, home: Path
) -> None:
    path = write(one_source)
    assert path.parent == home / "packed"
    assert re.fullmatch(r"[0-9a-f]{16}\.test-1\.safetensors", path.name)
    assert_whole(one_source, path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into any folder")
def test_a_read_only_folder_is_passed_over(one_source: Source, home: Path) -> None:
    folder = one_source.files[0].parent
    folder.chmod(0o555)
    try:
        assert write(one_source).parent == home / "packed"
    finally:
        folder.chmod(0o755)


@pytest.mark.usefixtures("read_only")
def test_where_nothing_can_be_written_the_first_refusal_is_told(
    one_source: Source, home: Path
) -> None:
    home.write_bytes(b"")
    with pytest.raises(OssiaError, match=r"cannot write .*/\.ossia/"):
        write(one_source)
    assert open_packed(one_source, LAYOUT) is None


def test_without_room_nothing_is_left_behind(
    one_source: Source, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(home.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ResourceError, match=r"not enough disk for .*/\.ossia/.*: it takes 0\.0 GB"):
        write(one_source)
    assert not list((one_source.files[0].parent / ".ossia").iterdir())
    assert not list((home / "packed").iterdir())


def test_a_failure_while_packing_leaves_nothing_behind(one_source: Source, home: Path) -> None:
    tensors = tensors_of(one_source)

    def fail() -> Iterator[tuple[TiledArray, ...]]:
        yield from make_pieces(one_source, GROUPS[2])
        raise InputError("no more")

    tensors[2] = Packed(tensors[2].names, tensors[2].shape, tensors[2].is_mxfp4, fail)
    with pytest.raises(InputError, match="no more"):
        write_packed(one_source, LAYOUT, tensors, silent)
    assert open_packed(one_source, LAYOUT) is None
    assert not list((one_source.files[0].parent / ".ossia").iterdir())
    assert not list(home.rglob("*.safetensors"))


PACK = """
import sys, time
from pathlib import Path
from ossia.checkpoint import open_checkpoint
from ossia.checkpoint.packed import write_packed
from tests.checkpoint.test_packed import LAYOUT, tensors_of
source = open_checkpoint(Path(sys.argv[1]))
def slowly(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))
print(write_packed(source, LAYOUT, tensors_of(source), slowly))
"""


def start_packing(source: Source, pause: float) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PACK, str(source.path), str(pause)]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_one_leaves_no_half_and_the_next_works(
    one_source: Source, how: signal.Signals
) -> None:
    process = start_packing(one_source, pause=0.1)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline().strip().isdigit()
    process.send_signal(how)
    process.communicate()
    assert process.returncode != 0
    assert open_packed(one_source, LAYOUT) is None
    left = list((one_source.files[0].parent / ".ossia").iterdir())
    assert len(left) == (1 if how == signal.SIGKILL else 0)  # nobody could clean up
    path = write(one_source)
    assert list(path.parent.iterdir()) == [path]
    assert_whole(one_source, path)


def test_while_another_process_writes_the_second_waits_and_takes_what_was_made(
    one_source: Source, home: Path
) -> None:
    process = start_packing(one_source, pause=0.05)
    assert process.stdout is not None
    process.stdout.readline()
    assert open_packed(one_source, LAYOUT) is None
    told: list[int] = []
    mine = write_packed(
        one_source, LAYOUT, tensors_of(one_source), lambda done, _: told.append(done)
    )
    theirs = Path(process.communicate()[0].split()[-1])
    assert process.returncode == 0
    assert mine == theirs
    assert not told  # nothing was written a second time
    assert not (home / "packed").exists()
    assert_whole(one_source, mine)


def test_one_without_files_has_no_packed_form() -> None:
    """Weights that are drawn from a seed."""
    drawn = SyntheticCheckpoint(SHAPE)
    assert open_packed(drawn, LAYOUT) is None
    with pytest.raises(InputError, match="no files"):
        write(drawn)


def test_the_file_is_read_ahead_only_where_memory_holds_it(
    one_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(one_source)
    monkeypatch.setattr(os, "sysconf", lambda _: 1)
    assert open_packed(one_source, LAYOUT) is not None
