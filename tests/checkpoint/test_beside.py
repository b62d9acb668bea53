"""The vocabulary and the chat template that lie beside weights."""

import json
from pathlib import Path

import pytest

from ossia.base.errors import CheckpointError
from ossia.checkpoint.beside import vocabulary_beside
from ossia.checkpoint.source import TokenizerFiles


def test_a_tokenizer_json_comes_first(tmp_path: Path) -> None:
    assert vocabulary_beside(tmp_path) == TokenizerFiles()
    (tmp_path / "o200k_base.tiktoken").write_text("IQ== 0\n")
    assert vocabulary_beside(tmp_path).ranks == tmp_path / "o200k_base.tiktoken"
    (tmp_path / "tokenizer.json").write_text("{}")
    assert vocabulary_beside(tmp_path) == TokenizerFiles(json=tmp_path / "tokenizer.json")


def test_the_nearest_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "tokenizer.json").write_text("{}")
    folders = (tmp_path / "below", tmp_path)
    assert vocabulary_beside(*folders).json == tmp_path / "tokenizer.json"
    (tmp_path / "below" / "tokenizer.json").write_text("{}")
    assert vocabulary_beside(*folders).json == tmp_path / "below" / "tokenizer.json"


def test_a_chat_template_in_either_place(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    config = {"chat_template": "old", "model_max_length": 5}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert vocabulary_beside(tmp_path).chat_template == "old"
    (tmp_path / "chat_template.jinja").write_bytes("새\r\n".encode())
    assert vocabulary_beside(tmp_path).chat_template == "새\r\n"


def test_what_is_refused(tmp_path: Path) -> None:
    for name in ("a.tiktoken", "b.tiktoken"):
        (tmp_path / name).write_text("IQ== 0\n")
    with pytest.raises(CheckpointError, match=r"several rank files \(a\.tiktoken, b\.tiktoken\)"):
        vocabulary_beside(tmp_path)
    (tmp_path / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match="git-lfs pointer"):
        vocabulary_beside(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(CheckpointError, match="not UTF-8"):
        vocabulary_beside(tmp_path)
    (tmp_path / "chat_template.jinja").write_bytes(b"x" * (1 << 20) + b"y")
    with pytest.raises(CheckpointError, match="at most 1,048,576"):
        vocabulary_beside(tmp_path)
