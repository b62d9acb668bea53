"""All or nothing: errors, full disks, Ctrl-C, dead and living neighbours."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from ossia.base.errors import InputError, ResourceError
from ossia.checkpoint.destination import check_free, new_file, new_folder


def _write(new: "_New", destination: Path, meanwhile: Callable[[], None] = lambda: None) -> None:
    with new(destination, 4) as partial:
        _fill(partial)
        meanwhile()


def _raise(error: BaseException) -> None:
    raise error


def _fill(partial: Path) -> None:
    if partial.is_dir():
        (partial / "part").write_bytes(b"half")
    else:
        partial.write_bytes(b"half")


@pytest.fixture(params=[new_folder, new_file], ids=["folder", "file"])
def new(request: pytest.FixtureRequest) -> "_New":
    made: _New = request.param
    return made


class _New:
    """The type of ``new_folder`` and ``new_file``."""

    def __call__(self, destination: Path, nbytes: int) -> AbstractContextManager[Path]:
        raise NotImplementedError


def test_it_appears_at_the_end_and_alone(tmp_path: Path, new: _New) -> None:
    destination = tmp_path / "model"
    with new(destination, 4) as partial:
        _fill(partial)
        assert not destination.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    file = destination / "part" if destination.is_dir() else destination
    assert file.read_bytes() == b"half"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_an_error(tmp_path: Path, new: _New, error: type[BaseException]) -> None:
    with pytest.raises(error):
        _write(new, tmp_path / "model", lambda: _raise(error()))
    assert not list(tmp_path.iterdir())


class _Errno(NamedTuple):
    number: int
    expected: type[Exception]


@pytest.mark.parametrize(
    "case", [_Errno(28, ResourceError), _Errno(27, ResourceError), _Errno(5, InputError)]
)
def test_an_error_of_the_disk_is_one_line(tmp_path: Path, new: _New, case: _Errno) -> None:
    error = OSError(case.number, os.strerror(case.number))
    with pytest.raises(case.expected) as caught:
        _write(new, tmp_path / "model", lambda: _raise(error))
    assert "model" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_exists_is_refused_and_kept(tmp_path: Path, new: _New) -> None:
    taken = tmp_path / "model"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    with pytest.raises(InputError, match="exists already"), new(taken, 4):
        pass
    assert (taken / "mine").read_text() == "mine"


def test_what_appears_meanwhile_is_kept(tmp_path: Path, new: _New) -> None:
    taken = tmp_path / "model"
    with pytest.raises(InputError, match="exists already"):
        _write(new, taken, lambda: taken.touch())
    assert taken.is_file()
    assert list(tmp_path.iterdir()) == [taken]


def test_a_link_to_nothing_is_refused(tmp_path: Path, new: _New) -> None:
    (tmp_path / "model").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists already"), new(tmp_path / "model", 4):
        pass


def test_an_empty_folder_will_do_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with new_folder(tmp_path / "model", 4) as partial:
        _fill(partial)
    assert (tmp_path / "model" / "part").exists()


def test_there_must_be_a_folder_around_it(tmp_path: Path, new: _New) -> None:
    with pytest.raises(InputError, match="no folder"), new(tmp_path / "no" / "model", 4):
        pass


def test_a_name_too_long_is_refused() -> None:
    with pytest.raises(InputError, match="cannot write"):
        check_free(Path("a" * 400), is_folder=True)


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path, new: _New) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(ResourceError) as caught, new(tmp_path / "model", 2 * free):
        pytest.fail("the block must not run")
    assert f"{2 * free / 1e9:.1f} GB" in str(caught.value)
    assert "are free" in str(caught.value)
    assert not list(tmp_path.iterdir())


_HOLD = """
import sys, time
from pathlib import Path
from ossia.checkpoint.destination import new_file, new_folder
new = {"folder": new_folder, "file": new_file}[sys.argv[1]]
with new(Path(sys.argv[2]), 4):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_no_model_and_no_obstacle(tmp_path: Path, new: _New) -> None:
    kind = "folder" if new is new_folder else "file"
    command = [sys.executable, "-c", _HOLD, kind, str(tmp_path / "model")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process"), new(tmp_path / "model", 4):
            pass
        process.kill()
    assert not (tmp_path / "model").exists()
    time.sleep(0.01)
    with new(tmp_path / "model", 4) as partial:
        _fill(partial)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
