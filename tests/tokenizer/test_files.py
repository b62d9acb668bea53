from pathlib import Path

import pytest

from ossia.base.errors import TokenizerError
from ossia.tokenizer import load_tokenizer
from ossia.tokenizer.files import MAX_BYTES, read_bounded


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\x00\xff" * 1000)
    assert read_bounded(path) == b"\x00\xff" * 1000


def test_a_file_larger_than_any_vocabulary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: a terabyte that takes no disk
    with pytest.raises(TokenizerError, match=f"larger than {MAX_BYTES >> 20} MB"):
        read_bounded(path)


@pytest.mark.parametrize("form", ["json", "ranks"])
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, form: str) -> None:
    missing = tmp_path / "nothing"
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(**{form: missing})  # type: ignore[arg-type]
    assert str(caught.value) == f"{missing}: cannot read the vocabulary: No such file or directory"
    with pytest.raises(TokenizerError, match="cannot read the vocabulary: Is a directory"):
        load_tokenizer(**{form: tmp_path})  # type: ignore[arg-type]
