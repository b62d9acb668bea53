"""The vocabulary and the chat template that lie beside a checkpoint's weights."""

from pathlib import Path

from ossia.base.errors import CheckpointError
from ossia.checkpoint.mapped import MappedFile, read_whole
from ossia.checkpoint.source import TokenizerFiles
from ossia.checkpoint.strict_json import read_object

_MAX_TEMPLATE = 1 << 20


def vocabulary_beside(*folders: Path) -> TokenizerFiles:
    """The vocabulary of the first folder that has one; of none, an empty description.

    A tokenizer.json comes before a tiktoken rank file.

    Raises:
        CheckpointError: a folder has several rank files, or a chat template that is not text.
    """
    for folder in folders:
        if (path := folder / "tokenizer.json").is_file():
            MappedFile(path)  # refuses an empty one and a git-lfs pointer
            return TokenizerFiles(json=path, chat_template=_chat_template(folder))
        ranks = sorted(folder.glob("*.tiktoken"))
        if len(ranks) > 1:
            raise CheckpointError(
                f"{folder}: holds several rank files ({', '.join(p.name for p in ranks)!s:.100}); "
                "keep one"
            )
        if ranks:
            return TokenizerFiles(ranks=ranks[0], chat_template=_chat_template(folder))
    return TokenizerFiles()


def _chat_template(folder: Path) -> str | None:
    """chat_template.jinja, or what older releases say in tokenizer_config.json."""
    path = folder / "chat_template.jinja"
    if path.is_file() and path.stat().st_size:
        try:
            return read_whole(path, _MAX_TEMPLATE).decode()
        except UnicodeDecodeError:
            raise CheckpointError(f"{path}: not UTF-8; download it again") from None
    path = folder / "tokenizer_config.json"
    if path.is_file():
        template = read_object(path, _MAX_TEMPLATE).get("chat_template")
        return template if isinstance(template, str) else None
    return None
