"""nano's vocabulary, made once."""

from pathlib import Path

import pytest

from ossia.tokenizer import Tokenizer, load_tokenizer
from ossia.tune.nano.vocabulary import make_vocabulary


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nano") / "tokenizer.json"
    make_vocabulary().save(str(path))
    return path


@pytest.fixture(scope="session")
def tokenizer(vocabulary_file: Path) -> Tokenizer:
    return load_tokenizer(json=vocabulary_file)
