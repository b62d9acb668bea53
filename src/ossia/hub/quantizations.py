"""GGUF files by their names: which belong together, and which quantisation each is.

    gpt-oss-20b-mxfp4.gguf                        a file by itself
    Q8_0/gpt-oss-120b-Q8_0-00001-of-00002.gguf    the first part of a model

Knows how people name such files; opens none.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_READ = ("MXFP4", "Q8_0", "F16", "BF16", "F32")
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_LABEL = re.compile(r"[-_.]((?:UD-)?I?Q\d\w*|B?F16|F32|MXFP4\w*)$", re.IGNORECASE)


def whole_files(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """GGUF models among paths: the (first) file of each, in order, with all its files.

    Models that lack a part are left out.
    """
    known = {path for path in paths if path.endswith(".gguf")}
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(known):
        if (part := _PART.fullmatch(path)) is None:
            found[path] = (path,)
        elif part[2] == "00001":
            names = [f"{part[1]}-{n:05}-of-{part[3]}.gguf" for n in range(1, int(part[3]) + 1)]
            if known.issuperset(names):
                found[path] = tuple(names)
    return found


def label_of(path: str) -> str | None:
    """The quantisation that the name of a file ends with, or its folder's, as it is spelled."""
    place = PurePosixPath(path)
    whole = _PART.fullmatch(place.name)
    for name in (whole[1] if whole else place.stem, f"-{place.parent.name}"):
        if label := _LABEL.search(name):
            return label[1]
    return None


def is_read(label: str) -> bool:
    """Whether ``checkpoint`` reads such files; MXFP4_MOE and the like are its MXFP4."""
    return label.upper().startswith(_READ)


def is_of(path: str, quantization: str) -> bool:
    """Whether a path has a quantisation as a word in it, in capitals or not."""
    word = rf"(?<![a-z0-9]){re.escape(quantization.lower())}(?![a-z0-9_])"
    return re.search(word, path.lower()) is not None
