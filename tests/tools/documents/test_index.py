"""The index: ranking, languages, places, and what it refuses."""

import random
import sqlite3
from pathlib import Path

import pytest

from ossia.base.errors import InputError, ResourceError
from ossia.tools.documents import Document, Index
from ossia.tools.documents.index import PASSAGE, Stamp, passages

ROOT = Path("/docs")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index(tmp_path / "documents.sqlite3")
    made.add_folder(ROOT)
    return made


def put(index: Index, name: str, text: str, title: str = "") -> None:
    index.put(ROOT, ROOT / name, Stamp(1, len(text)), Document(title or name, text))


def found(index: Index, query: str) -> list[str]:
    return [str(passage.path.relative_to(ROOT)) for passage in index.search(query, 10)]


def test_any_word_finds_and_the_rarest_ranks_first(index: Index) -> None:
    for number in range(20):
        put(index, f"{number}.md", f"The project number {number} of the house has a name.")
    put(index, "z.md", "The code word of the Zenvora project is lantern.")
    put(index, "h.md", "The harbour of the town has a code.")
    assert found(index, "code word of the Zenvora project")[:2] == ["z.md", "h.md"]


def test_titles_and_names_count_more_than_text(index: Index) -> None:
    put(index, "a.md", "A marmot, and much else. " * 3)
    put(index, "b.md", "It lives in mountains, and sleeps.", title="Marmot")
    put(index, "marmot/c.md", "It whistles when an eagle comes by.", title="Whistler")
    assert found(index, "marmot")[0] == "b.md"
    assert set(found(index, "marmot")) == {"a.md", "b.md", "marmot/c.md"}


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("서울에서 만났다.", "서울"),
        ("대한민국의 수도", "민국"),
        ("젠보라 프로젝트의 암호는 등불이다.", "젠보라 프로젝트 암호가 뭐야?"),
        ("물이 끓는다", "물"),
        ("gpt모델을 쓴다", "모델"),
        ("gpt모델을 쓴다", "GPT"),
        ("東京で会いました。", "東京"),
        ("我们在北京见面。", "北京"),
        ("He was running.", "run"),
        ("Déjà vu", "deja"),
        ("Ｆｕｌｌ width", "full"),
        ("한글", "한글"),  # composed and not
        ("C++ and x86_64", "x86_64"),
        ("Straße", "straße"),
    ],
)
def test_words_are_found_in_any_writing(index: Index, text: str, query: str) -> None:
    put(index, "other.md", "Something about nothing, 아무것도.")
    put(index, "it.md", text)
    assert found(index, query)[:1] == ["it.md"]


@pytest.mark.parametrize(
    "query", ["", "   ", '"', "'", "*", "()", "a AND", "NEAR(", "x:y", "-x", "^"]
)
def test_no_query_is_an_error(index: Index, query: str) -> None:
    put(index, "a.md", "nothing of it")
    assert index.search(query, 5) is not None


def test_the_place_of_a_passage_is_in_the_text(index: Index) -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 40 for number in range(50))
    text += "\n\nThe walrus sleeps here.\n\nAnd an end."
    put(index, "a.md", text)
    [passage] = index.search("walrus", 5)
    assert text[passage.place :].startswith(passage.text)
    assert "walrus" in passage.text
    assert passage.place > 5000
    document = index.document(ROOT / "a.md")
    assert document is not None
    assert document.text == text


def test_passages_joined_are_the_text() -> None:
    chance = random.Random(5)
    for _ in range(300):
        text = "".join(chance.choices("ab가 \n", (9, 9, 9, 4, 1), k=chance.randrange(9000)))
        pieces = list(passages(text))
        assert "".join(piece for _, piece in pieces) == text
        for place, piece in pieces:
            assert text.startswith(piece, place)
            assert 0 < len(piece) <= PASSAGE + 2


def test_links_are_kept(index: Index) -> None:
    index.put(ROOT, ROOT / "a", Stamp(1, 1), Document("t", "x", ("https://e.org/", "file:///b")))
    document = index.document(ROOT / "a")
    assert document is not None
    assert document.links == ("https://e.org/", "file:///b")


def test_what_is_removed_cannot_be_read_from_the_file(index: Index, tmp_path: Path) -> None:
    put(index, "a.md", "the unforgettable walrus")
    assert index.remove_folder(ROOT)
    assert not index.remove_folder(ROOT)
    assert found(index, "walrus") == []
    index.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"unforgettable" not in kept


def test_the_file_is_its_owners_alone(tmp_path: Path, index: Index) -> None:
    assert index.folders()
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}


def test_two_may_use_it(tmp_path: Path, index: Index) -> None:
    other = Index(tmp_path / "documents.sqlite3")
    put(index, "a.md", "walrus")
    assert found(other, "walrus") == ["a.md"]

    def fail_halfway() -> None:
        with index.together():
            put(index, "b.md", "otter")
            index.add_folder(ROOT / "within")

    with pytest.raises(InputError):
        fail_halfway()
    assert found(other, "otter") == []


def test_a_damaged_or_newer_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"this is no database, at all. " * 100)
    with pytest.raises(InputError, match="damaged; remove it"):
        Index(path)
    path.unlink()
    with sqlite3.connect(path) as rows:
        rows.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer ossia"):
        Index(path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="cannot be used"):
        Index(tmp_path / "file" / "x")
