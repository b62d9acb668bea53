from collections.abc import Callable
from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.tools.patch.folder import Edit, File, Folder

HOSTILE = ["../x", "a/../../x", "/etc/passwd", ".git/config", "a/.GIT/x", "link/x", "out", "", "."]


@pytest.mark.parametrize("path", [*HOSTILE, "a\\..\\x", "a\0b", "a\ud800", "x" * 300])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "out").symlink_to(tmp_path / "outside" / "x")
    folder = Folder(root)
    with pytest.raises(InputError):
        folder.read(path)
    with pytest.raises(InputError):
        folder.commit([Edit(path, None, File(b"gone"))])
    assert (tmp_path / "outside" / "x").read_text() == "secret"
    folder.close()


def test_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "a").chmod(0o755)
    (tmp_path / "d").mkdir()
    folder = Folder(tmp_path)
    edits = [
        Edit("a", File(b"1", 0o755), File(b"2", 0o755)),
        Edit("new/b", None, File(b"3")),
        Edit("a/c", None, File(b"4")),
    ]
    with pytest.raises(InputError):
        folder.commit(edits)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "d"]
    folder.commit(edits[:2])
    assert (tmp_path / "a").read_bytes() == b"2"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "new" / "b").read_bytes() == b"3"
    folder.close()


class Disturbed(Folder):
    """A folder in which somebody else does something right before the edit of a path."""

    def __init__(self, root: Path, path: str, disturb: Callable[[], object]) -> None:
        super().__init__(root)
        self.path, self.disturb, self.is_done = path, disturb, False

    def _swap(self, edit: Edit, staged: dict[str, str]) -> None:
        if edit.path == self.path and not self.is_done:
            self.is_done = True
            self.disturb()
        super()._swap(edit, staged)


def swap_for_link(folder: Path, outside: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(outside)


def test_a_folder_swapped_for_a_link_after_the_check_leads_nowhere(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    (root / "d" / "x").write_bytes(b"1")
    (outside / "x").write_bytes(b"1")
    folder = Disturbed(root, "d/x", lambda: swap_for_link(root / "d", outside))
    with pytest.raises(InputError, match="could not put back d/x"):
        folder.commit([Edit("d/x", File(b"1"), File(b"2"))])
    assert folder.is_done
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("x", b"1")]
    folder.close()


def test_what_fails_in_the_middle_of_the_renames_is_taken_back(tmp_path: Path) -> None:
    for name in "ac":
        (tmp_path / name).write_bytes(b"1")
    folder = Disturbed(tmp_path, "new/b", (tmp_path / "new" / "b").mkdir)
    edits = [Edit("a", File(b"1"), File(b"2")), Edit("c", File(b"1"), None)]
    with pytest.raises(InputError, match=r"directory; could not put back new/b$"):
        folder.commit([*edits, Edit("new/b", None, File(b"3"))])
    assert [(tmp_path / name).read_bytes() for name in "ac"] == [b"1", b"1"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "new"]
    folder.close()


def test_what_cannot_be_put_back_is_named(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    (root / "d" / "a").write_bytes(b"1")

    def disturb() -> None:
        swap_for_link(root / "d", outside)
        (root / "b").mkdir()

    folder = Disturbed(root, "b", disturb)
    edits = [Edit("d/a", File(b"1"), File(b"2")), Edit("b", None, File(b"3"))]
    with pytest.raises(InputError, match=r"could not put back b, d/a$"):
        folder.commit(edits)
    assert list(outside.iterdir()) == []
    folder.close()
