"""How models are called. Knows the grammar of names; does not know what is on this machine.

    nano                          inside the package
    gpt-oss:20b  gpt-oss-120b     the released models, as people call them
    ORG/NAME                      a repository on Hugging Face
    ORG/NAME:QUANTIZATION         one of its GGUF files
    pirate  mine:v2               a name that the user gave

A name is ASCII: no letter of it looks like another, and none can lead out of a folder. What begins
with ``/``, ``./``, ``../`` or ``~`` is a path and no name.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ossia.base.errors import InputError

EMBEDDED = {"nano": Path(__file__).parent / "nano"}
"""Models inside the package."""

_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_QUANTIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_OWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9][A-Za-z0-9_.-]{0,31})?")
_HOSTS = ("https://huggingface.co/", "https://hf.co/", "huggingface.co/", "hf.co/")
_PATH_HEADS = ("/", "./", "../", "~")


@dataclass(frozen=True)
class HubName:
    """A model on Hugging Face.

    Attributes:
        owner: an organisation or a person.
        title: of the repository, without its owner.
        quantization: of the GGUF files of a repository that are meant.
    """

    owner: str
    title: str
    quantization: str | None = None

    @property
    def repository(self) -> str:
        """As the hub calls it: ``openai/gpt-oss-20b``."""
        return f"{self.owner}/{self.title}"

    def __str__(self) -> str:
        return self.repository + (f":{self.quantization}" if self.quantization else "")


@dataclass(frozen=True)
class OwnName:
    """A name that the user gave, or the embedded model's."""

    text: str

    def __str__(self) -> str:
        return self.text


Name = HubName | OwnName

GPT_OSS_20B = HubName("openai", "gpt-oss-20b")
GPT_OSS_120B = HubName("openai", "gpt-oss-120b")

ALIASES = {
    "gpt-oss": GPT_OSS_20B,
    "gpt-oss:latest": GPT_OSS_20B,
    "gpt-oss:20b": GPT_OSS_20B,
    "gpt-oss-20b": GPT_OSS_20B,
    "gpt-oss:120b": GPT_OSS_120B,
    "gpt-oss-120b": GPT_OSS_120B,
}
"""Short names of the released models, in lower case."""

DOWNLOAD_BYTES = {GPT_OSS_20B: 13_790_000_000, GPT_OSS_120B: 65_280_000_000}
"""What the released models take: weights as ``ossia synth`` counts them, and the vocabulary."""


def parse(text: str) -> Name:
    """The name that a text spells.

    Raises:
        InputError: it spells none; the message says what is wrong with it.
    """
    _check_characters(text)
    for host in _HOSTS:
        text = text.removeprefix(host)
    if (known := ALIASES.get(text.lower())) is not None:
        return known
    if is_path(text):
        raise InputError(f"{text!r:.80} is a path; expected a model's name")
    if "/" in text:
        return _parse_hub(text)
    if not _OWN.fullmatch(text):
        raise _refusal(text, "expected letters, digits and . _ - : such as pirate or mine:v2")
    return OwnName(text)


def parse_own(text: str) -> OwnName:
    """A name that a user may give to a model.

    Raises:
        InputError: it is no name, or means something already.
    """
    name = parse(text)
    if isinstance(name, HubName):
        raise InputError(f"{text} always means {name} on Hugging Face; choose another name")
    if text.lower() in EMBEDDED:
        raise InputError(f"{text} always means the model inside the package; choose another name")
    return name


def short(name: HubName) -> str:
    """What people call a model: ``gpt-oss:20b``."""
    spellings = [alias for alias, meant in ALIASES.items() if meant == name and alias.endswith("b")]
    return spellings[0] if spellings else str(name)


def is_path(text: str) -> bool:
    """Whether it can only be meant as a path."""
    return text in (".", "..") or text.startswith(_PATH_HEADS)


def _parse_hub(text: str) -> HubName:
    repository, colon, quantization = text.partition(":")
    owner, *titles = repository.rstrip("/").split("/")
    expected = "expected ORG/NAME or ORG/NAME:QUANTIZATION, such as openai/gpt-oss-20b"
    if len(titles) != 1:
        raise _refusal(text, expected)
    for part in (owner, titles[0]):
        # The hub's own rules; "--" also parts a name from its quantisation in our folders.
        if not _REPOSITORY.fullmatch(part) or ".." in part or "--" in part:
            raise _refusal(text, expected)
    if colon and not _QUANTIZATION.fullmatch(quantization):
        raise _refusal(text, expected)
    return HubName(owner, titles[0], quantization or None)


def _check_characters(text: str) -> None:
    for char in text:
        if not (char.isascii() and char.isprintable()):
            called = unicodedata.name(char, "a control character")
            raise _refusal(text, f"it has U+{ord(char):04X} ({called}); names are plain ASCII")
    if len(text) > 256:
        raise _refusal(text, "it is longer than any name")


def _refusal(text: str, why: str) -> InputError:
    return InputError(f"{text!a:.60} is no model's name: {why}")
