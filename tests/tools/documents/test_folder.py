"""A folder and the index in agreement: what is read, what is left out, what goes again."""

import os
from pathlib import Path

import pytest
from tests.tools.documents.made import paragraph, pdf, word

from ossia.base.errors import InputError
from ossia.tools.documents import Index, folder, update


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "home" / "documents.sqlite3")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with a document of each kind, and with what is none."""
    root = tmp_path / "docs"
    files = {
        "notes.md": b"# Notes\n\nThe kettle is blue.",
        "deep/er/seoul.txt": "서울에서 만났다".encode("cp949"),
        "page.html": b"<title>Page</title><p>A lighthouse.",
        "code.py": b"def lantern():\n    return 1\n",
        "report.docx": word(paragraph("The quarterly otter report")),
        "paper.pdf": pdf("About marmots"),
        ".hidden.md": b"hidden kettle",
        ".git/config": b"kettle",
        "node_modules/x.md": b"kettle",
        "env/pyvenv.cfg": b"",
        "env/x.md": b"kettle",
        "picture.png": b"kettle",
        "raw": b"\0\1\2",
        "locked.pdf": pdf("kettle", password="x"),
        "empty.md": b"",
        "blank.md": b" \n",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def names(index: Index, query: str) -> list[str]:
    return [passage.path.name for passage in index.search(query, 10)]


def test_documents_of_all_kinds_are_found_and_nothing_else(index: Index, docs: Path) -> None:
    report = update(index, docs)
    assert (report.num_new, report.num_changed, report.num_gone, report.num_same) == (9, 0, 0, 0)
    assert [path.name for path, _ in report.troubles] == ["blank.md", "locked.pdf", "raw"]
    assert "locked with a password" in dict(report.troubles)[docs / "locked.pdf"]
    assert names(index, "kettle") == ["notes.md"]
    assert names(index, "서울") == ["seoul.txt"]
    assert names(index, "lighthouse") == ["page.html"]
    assert names(index, "lantern") == ["code.py"]
    assert names(index, "otters") == ["report.docx"]
    assert names(index, "marmot") == ["paper.pdf"]
    [kept] = index.folders()
    assert (kept.path, kept.num_files, kept.num_troubles) == (docs, 6, 3)


def test_only_what_changed_is_read_again(
    index: Index, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(index, docs)
    seen: list[str] = []
    real = folder.read_file
    monkeypatch.setattr(folder, "read_file", lambda path: (seen.append(path.name), real(path))[1])
    assert update(index, docs).num_same == 9
    assert seen == []
    (docs / "notes.md").write_text("# Notes\n\nThe teapot is green.")
    (docs / "code.py").unlink()
    (docs / "new.md").write_text("A walrus.")
    report = update(index, docs)
    assert (report.num_new, report.num_changed, report.num_gone, report.num_same) == (1, 1, 1, 7)
    assert sorted(seen) == ["new.md", "notes.md"]
    assert names(index, "kettle lantern") == []
    assert names(index, "teapot") == ["notes.md"]
    assert names(index, "walrus") == ["new.md"]
    assert index.document(docs / "code.py") is None


def test_links_lead_nothing_in_from_outside(index: Index, docs: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("the password is walrus")
    (docs / "link.md").symlink_to(outside / "secret.md")
    (docs / "folder").symlink_to(outside)
    (docs / "loop").symlink_to(docs)
    os.mkfifo(docs / "pipe.md")
    update(index, docs)
    assert names(index, "walrus") == []


def test_names_that_are_no_text_and_folders_that_are_closed_harm_nothing(
    index: Index, docs: Path
) -> None:
    Path(os.fsdecode(os.fsencode(docs) + b"/\xff.md")).write_text("kettle")
    (docs / "한글 이름.md").write_text("본문")
    update(index, docs)
    assert names(index, "이름") == ["한글 이름.md"]
    assert names(index, "kettle") == ["notes.md"]


def test_what_was_done_stays_where_it_is_interrupted(
    index: Index, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_TOGETHER", 2)

    def interrupt(done: int, _: int, __: Path) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(index, docs, interrupt)
    assert len(index.stamps(docs)) == 4
    assert update(index, docs).num_same == 4


def test_progress_tells_how_far_it_is(index: Index, docs: Path) -> None:
    told: list[tuple[int, int]] = []
    update(index, docs, lambda done, of, _: told.append((done, of)))
    assert told == [(number, 9) for number in range(9)]


def test_a_folder_within_another_is_part_of_it(index: Index, docs: Path) -> None:
    update(index, docs / "deep")
    assert [kept.path for kept in index.folders()] == [docs / "deep"]
    report = update(index, docs)
    assert (report.num_new, report.num_same) == (8, 1)
    assert [kept.path for kept in index.folders()] == [docs]
    with pytest.raises(InputError, match="is part of"):
        update(index, docs / "deep")


@pytest.mark.parametrize("name", ["nowhere", "docs/notes.md"])
def test_what_is_no_folder_is_refused(index: Index, docs: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no folder"):
        update(index, docs.parent / name)
    assert index.folders() == []
