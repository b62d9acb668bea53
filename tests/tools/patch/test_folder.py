from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.tools.patch.folder import Edit, File, Folder

HOSTILE = ["../x", "a/../../x", "/etc/passwd", ".git/config", "a/.GIT/x", "link/x", "out", "", "."]


@pytest.mark.parametrize("path", [*HOSTILE, "a\\..\\x", "a\0b"])
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
