"""Files sent to be read."""

import io
import zipfile
from typing import Any

import httpx
import pytest

from ossia import hub
from ossia.checkpoint import open_checkpoint
from ossia.tokenizer import load_tokenizer


def read(house: httpx.Client, data: bytes, name: str, model: str | None = "nano") -> Any:
    params = {"name": name} | ({"model": model} if model else {})
    return house.post("/ossia/documents", params=params, content=data)


def pdf(*pages: str) -> bytes:
    """A PDF by hand: one line of text a page."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
    ]
    for number, text in enumerate(pages):
        font = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Resources {font} "
            f"/Contents {4 + 2 * number} 0 R >>"
        )
        stream = f"BT /F 12 Tf 20 100 Td ({text}) Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + (head + end).encode()


def word(text: str) -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>',
        )
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind", "text", "pages"),
    [
        (b"# Cake\n\nFlour.", "cake.md", "markdown", "Flour.", None),
        ("Käse".encode(), "cake.txt", "text", "Käse", None),
        (b"<html><body><p>Flour</p><script>x</script>", "cake", "html", "Flour", None),
        (pdf("Flour and milk", "Two eggs"), "cake.pdf", "pdf", "Two eggs", 2),
        (word("Flour and milk"), "cake.docx", "word", "Flour and milk", None),
    ],
)
def test_documents_become_text_with_their_tokens(
    house: httpx.Client, data: bytes, name: str, kind: str, text: str, pages: int | None
) -> None:
    found = read(house, data, name).json()
    assert (found["name"], found["kind"], found["pages"]) == (name, kind, pages)
    assert text in found["text"]
    files = open_checkpoint(hub.resolve("nano")).tokenizer
    tokenizer = load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    assert found["tokens"] == len(tokenizer.encode(found["text"]))
    assert found["warnings"] == []


def test_what_is_too_long_is_told(house: httpx.Client) -> None:
    found = read(house, b"all work and no play\n" * 120_000, "book.txt").json()
    cut, longer = found["warnings"]
    assert cut.startswith("the rest is left out")
    assert "tokens, and the model reads" in longer


def test_without_a_model_no_tokens_are_counted(house: httpx.Client) -> None:
    assert read(house, b"Flour", "cake.txt", None).json()["tokens"] is None


@pytest.mark.parametrize(
    ("data", "name", "model", "status", "words"),
    [
        (bytes(range(256)), "cake.bin", "nano", 400, "cake.bin is no text"),
        (b"%PDF-1.4 broken", "cake.pdf", "nano", 400, "damaged"),
        (b"PK\x03\x04broken", "cake.docx", "nano", 400, "cake.docx"),
        (b"Flour", "cake.txt", "nobody", 404, "no model 'nobody'"),
        (b"Flour", "cake.txt", "/etc/passwd", 404, "a path is no name"),
        (b"Flour", "", "nano", 400, "name"),
    ],
)
def test_what_is_no_document_is_refused(
    house: httpx.Client, data: bytes, name: str, model: str, status: int, words: str
) -> None:
    response = read(house, data, name, model)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]
