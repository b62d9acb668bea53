r"""Files against the hashes that the hub has for them.

Two kinds are known: SHA-256, which the hub has for large files, and Git's object id (SHA-1 over
``blob SIZE\0`` and the file), after which the Hugging Face cache names small ones. Knows bytes;
where the hashes come from is hub's knowledge.
"""

import hashlib
import time
from collections.abc import Sequence

from ossia.hub import Expected
from ossia.verify.checks import Check, Checking, Outcome, Progress, passed_if

_PIECE = 1 << 22
_NAME = "files"


def check_files(expected: Sequence[Expected]) -> Checking:
    """Reads every file whole and compares its hash."""
    if not expected:
        return Check(
            _NAME,
            Outcome.NOT_RUN,
            "no hashes are known: they come with ossia pull and the Hugging Face cache",
        )
    wrong: list[str] = []
    start, num_done = time.monotonic(), 0
    num_all = sum(file.size for file in expected)
    for file in expected:
        problem = None
        try:
            size = file.path.stat().st_size
            if size != file.size:
                problem = f"has {size:,} bytes instead of {file.size:,}"
            else:
                digest = _digest(file)
                with file.path.open("rb") as stream:
                    while piece := stream.read(_PIECE):
                        digest.update(piece)
                        num_done += len(piece)
                        yield Progress(_NAME, num_done, num_all, "bytes", time.monotonic() - start)
                if digest.hexdigest() != file.digest:
                    problem = "is not what the hub has (its hash differs)"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        if problem:
            wrong.append(f"{file.path.name} {problem}")
    figure = f"{len(expected)} files, {num_all / 1e9:.2f} GB: all are what the hub has"
    return Check(_NAME, passed_if(not wrong), "; ".join(wrong) or figure)


def _digest(file: Expected) -> "hashlib._Hash":
    if len(file.digest) == 64:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
