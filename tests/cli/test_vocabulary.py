"""Vocabularies by what the user names: models and files."""

from pathlib import Path

import pytest

from ossia.base.errors import InputError
from ossia.checkpoint import TokenizerFiles
from ossia.cli.vocabulary import vocabulary_files


def test_a_file_that_is_a_vocabulary_is_told_by_how_it_begins(
    vocabulary: Path, tmp_path: Path
) -> None:
    assert vocabulary_files(str(vocabulary)) == TokenizerFiles(json=vocabulary)
    ranks = tmp_path / "named.anything"
    ranks.write_text("IQ== 0\nIg== 1\n")
    assert vocabulary_files(str(ranks)) == TokenizerFiles(ranks=ranks)


def test_a_model_has_its_own(model: Path) -> None:
    assert vocabulary_files(str(model)) == TokenizerFiles(json=model / "tokenizer.json")
    nano = vocabulary_files("nano").json
    assert nano is not None
    assert nano.name == "tokenizer.json"


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    for name in ("nosuch", str(tmp_path / "notes")):
        with pytest.raises(InputError):
            vocabulary_files(name)
