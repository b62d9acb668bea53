"""Files to text: every format, every encoding, and what is broken or hostile."""

import io
import zipfile
from pathlib import Path

import pytest
from tests.tools.documents.made import paragraph, pdf, word

from ossia.base.errors import InputError
from ossia.tools.documents import read as reading
from ossia.tools.documents import read_document, read_file

KOREAN = "한글 문서입니다. 서울에서 만났다.\n둘째 줄."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp949"])
def test_korean_is_read_in_any_encoding(encoding: str) -> None:
    assert read_document(KOREAN.encode(encoding), "a.txt").text == KOREAN


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("日本語の文書です。東京で会いました。", "cp932"),
        ("Größe und Maß, déjà vu, señor – “quoted”", "cp1252"),
        ("plain ASCII", "ascii"),
    ],
)
def test_other_encodings_are_guessed(text: str, encoding: str) -> None:
    assert read_document(text.encode(encoding), "a.txt").text == text


def test_a_declared_encoding_counts_where_it_is_true() -> None:
    data = "<html><head><meta charset=euc-kr><title>제목</title></head><body>본문".encode("cp949")
    assert read_document(data, "a.html") == read_document(data, "b.html", charset="ks_c_5601-1987")
    assert read_document(data, "a.html").text == "본문"
    assert read_document("글".encode(), "a.txt", charset="no-such-thing").text == "글"
    assert read_document("글".encode(), "a.txt", charset="rot13").text == "글"
    assert read_document("é".encode("latin-1"), "a.txt", charset="iso-8859-1").text == "é"


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "intro\n\n# The title #\n\nx", "The title"),
        ("a.md", "The title\n=========\nx", "The title"),
        ("a.md", "---\nlayout: x\ntitle: 'The title'\n---\n# Other", "The title"),
        ("a.md", "nothing", "a.md"),
        ("a.py", "# The comment\nx = 1", "a.py"),
        ("a.txt", "# not a title", "a.txt"),
    ],
)
def test_a_text_is_called_what_it_calls_itself(name: str, text: str, title: str) -> None:
    assert read_document(text.encode(), name).title == title


def test_a_word_document_is_read_with_its_structure() -> None:
    table = "".join(
        f"<w:tr><w:tc>{paragraph(a)}</w:tc><w:tc>{paragraph(b)}</w:tc></w:tr>"
        for a, b in (("Name", "Wert"), ("값", "2"))
    )
    body = (
        paragraph("Bericht", "Heading1")
        + paragraph("Ein &lt;Absatz&gt; mit 한글")
        + paragraph("Punkt", extra="<w:numPr/>")
        + f"<w:tbl>{table}</w:tbl>"
        + paragraph("Ende")
    )
    found = read_document(word(body, title="Der Titel"), "a.docx")
    assert found.title == "Der Titel"
    assert found.text == (
        "# Bericht\n\nEin <Absatz> mit 한글\n\n  * Punkt\n\nName | Wert\n값 | 2\n\nEnde"
    )
    assert read_document(word(body), "a.docx").title == "Bericht"


def test_a_pdf_is_read_page_by_page() -> None:
    found = read_document(pdf("First page", "Second (page)", title="A paper"), "a.pdf")
    assert (found.title, found.text.split("\n")[:2]) == ("A paper", ["[page 1]", "First page"])
    assert "[page 2]\nSecond" in found.text


def test_brackets_of_links_and_unseen_characters_are_no_text() -> None:
    text = "a【0†link】\u202eevil\u202c zero\u200bwidth\x1b[31m\x00\U000e0041 ok\r\n\n\n\nend"
    found = read_document(text.encode("utf-8").replace(b"\0", b""), "a.md").text
    assert found == "a〖0†link〗evil zerowidth[31m ok\n\nend"


def bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
        made.open("word/document.xml", "w") as part,
    ):
        for _ in range(80):
            part.write(b" " * (1 << 20))
    return out.getvalue()


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><x>&i;</x>"
)


def hostile_word(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("word/document.xml", text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"\x7fELF\x02\x01\x01\0\0\0", "a.bin", "no text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.md", "no text"),
        (b"%PDF-1.7\nrubbish", "a.pdf", "damaged"),
        (pdf("x", password="secret"), "a.pdf", "locked"),
        (pdf(""), "a.pdf", "no text; its pages may be pictures"),
        (b"PK\x03\x04rubbish", "a.docx", "damaged"),
        (word("x")[:-30], "a.docx", "damaged"),
        (hostile_word("<unclosed"), "a.docx", "damaged"),
        (bomb(), "a.docx", "over 64 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_document(data, name)


def test_entities_are_not_unfolded_and_files_not_drawn_in(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    drawn = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>'
    for text in (LAUGHS, drawn):
        try:
            assert "hush" not in read_document(hostile_word(text), "a.docx").text
        except InputError as error:
            assert "damaged" in str(error)  # noqa: PT017 - either is right
        found = read_document(text.encode(), "a.html").text
        assert "hush" not in found
        assert len(found) < 10_000


def test_a_zip_that_is_no_word_document_is_none() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("x", "y")
    with pytest.raises(InputError, match="no Word document"):
        read_document(out.getvalue(), "a.docx")


def test_long_texts_are_cut_and_say_so() -> None:
    found = read_document(b"line\n" * 600_000, "a.txt").text
    assert len(found) < 2_100_000
    assert found.endswith("characters]")


def test_huge_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1 << 20)
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="over 1 MB"):
        read_file(path)
