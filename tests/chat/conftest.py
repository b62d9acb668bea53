"""Models to talk to: random ones from files, and one whose weights say a script."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ossia.chat import ChatModel
from ossia.checkpoint import Source, SyntheticCheckpoint, SyntheticShape, TokenizerFiles
from ossia.checkpoint.write_hf import write_hf
from ossia.engine import Engine, Service
from ossia.model import Config, load_params
from ossia.numerics.arrays import Array, Mxfp4Array
from ossia.ops.select import select_backend
from ossia.tokenizer import load_tokenizer

VOCABULARY = 288  # more than the small vocabulary has: the model can say ids that are no token


class Scripted:
    """A checkpoint whose layers add nothing, so that each token decides the next.

    The embedding gives every token its own axis; the unembedding turns that axis to the one of the
    token which follows in the script. No token may stand in the script twice.
    """

    def __init__(self, source: Source, script: Sequence[int], first: int) -> None:
        assert len({first, *script}) == len(script) + 1, "a token stands in the script twice"
        self._next = dict(zip([first, *script], script, strict=False))
        self.path, self.layout, self.config = source.path, source.layout, source.config
        self.tensors, self.tokenizer, self.files = source.tensors, source.tokenizer, source.files
        self._source = source

    def read(self, name: str, expert: int | None = None) -> Array:
        array = self._source.read(name, expert)
        if isinstance(array, Mxfp4Array):
            return Mxfp4Array(np.zeros_like(array.blocks), array.scales)
        if name.endswith("norm"):
            return np.ones_like(array)
        changed = np.zeros_like(array)
        if name == "embedding":
            np.fill_diagonal(changed, 1)
        elif name == "unembedding":
            for token_id, follower in self._next.items():
                changed[follower, token_id] = 1
        return changed


@pytest.fixture(scope="session")
def source(harmony_json: Path) -> Source:
    shape = SyntheticShape.parse(f"2x{VOCABULARY}x4x4x2x{VOCABULARY}")
    return SyntheticCheckpoint(shape, seed=3, tokenizer=TokenizerFiles(json=harmony_json))


@pytest.fixture(scope="session")
def folder(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model in Hugging Face's layout."""
    path = tmp_path_factory.mktemp("model") / "random"
    write_hf(source, path)
    return path


@pytest.fixture(scope="session")
def model(folder: Path) -> ChatModel:
    """The random model, loaded as a user loads one."""
    return ChatModel.load(str(folder), context=2048)


@pytest.fixture(scope="session")
def scripted(source: Source, encode_output: Callable[..., list[int]]) -> Callable[[str], ChatModel]:
    """Makes a model that answers with a script: text with control tokens by name."""
    tokenizer = load_tokenizer(json=source.tokenizer.json)
    config = Config.from_mapping(source.config)
    backend = select_backend("reference")

    def make(script: str) -> ChatModel:
        last_of_prompt = tokenizer.encode("assistant")[-1]
        says = Scripted(source, encode_output(tokenizer, script), last_of_prompt)
        params = load_params(says, config.num_layers)
        engine = Engine(params, config, backend.ops, 2048)
        return ChatModel(says, config, tokenizer, backend, Service(engine), "as it lies")

    return make
