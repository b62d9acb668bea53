"""Files in a question."""

import zipfile
from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.cli.attached import Attached, attached, told

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def ask(typed: str, room: int = 1000) -> Attached:
    return attached(typed, lambda text: len(text.split()), room)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("등대 lamp\nsecond line\n", "utf-8")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_file_follows_the_question() -> None:
    found = ask("Sum up @notes.txt, please")
    file = "[file notes.txt]\n등대 lamp\nsecond line\n[end of notes.txt]"
    assert found.question == f"Sum up @notes.txt, please\n\n{file}"
    assert found.costs == {"notes.txt": 9}
    assert told(found.costs) == "read notes.txt (9 tokens)"


def test_names_with_spaces_and_places(here: Path) -> None:
    (here / "내 글.md").write_text("hello", "utf-8")
    found = ask(f'@"내 글.md" and @{here}/notes.txt and @notes.txt and again @notes.txt')
    assert list(found.costs) == ["내 글.md", f"{here}/notes.txt", "notes.txt"]


def test_a_word_document(here: Path) -> None:
    with zipfile.ZipFile(here / "a.docx", "w") as file:
        body = "<w:body><w:p><w:r><w:t>lighthouse</w:t></w:r></w:p></w:body>"
        file.writestr("word/document.xml", f'<w:document xmlns:w="{WORD}">{body}</w:document>')
    assert "lighthouse" in ask("@a.docx").question


@pytest.mark.parametrize(
    "typed", ["hello @john", "me@notes.txt", "@", '@"', "@.", "@" + "a" * 5000, "@a\0b"]
)
@pytest.mark.usefixtures("here")
def test_what_is_no_file_stays_text(typed: str) -> None:
    assert ask(typed) == Attached(typed, {})


@pytest.mark.usefixtures("here")
def test_too_much_is_refused_with_numbers() -> None:
    with pytest.raises(InputError, match=r"notes.txt: 9 tokens, and the context has room for 8;"):
        ask("@notes.txt", room=8)


def test_what_cannot_be_read_is_refused(here: Path) -> None:
    (here / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\0" * 9)
    with pytest.raises(InputError, match=r"picture.png is no text"):
        ask("@picture.png")
