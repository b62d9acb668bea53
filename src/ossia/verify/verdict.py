"""All checks of a model in order, and what they come to.

Knows the order; each check knows itself.
"""

import os
import platform
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ossia import hub
from ossia.base.errors import TokenizerError
from ossia.base.version import VERSION
from ossia.checkpoint import Source, open_checkpoint
from ossia.checkpoint.stored import Progress as Packing
from ossia.checkpoint.stored import silent
from ossia.tokenizer import Tokenizer, load_tokenizer
from ossia.verify import numbers
from ossia.verify.checks import Check, Checking, Outcome, Progress
from ossia.verify.files import check_files
from ossia.verify.known import known_of
from ossia.verify.passage import Loaded
from ossia.verify.prompts import prompt_ids


@dataclass(frozen=True)
class Verdict:
    """What came of it all.

    Attributes:
        model: what it is called, or the last part of its path.
        about: the model, the machine and how it computes, by what is told.
        checks: in the order in which they were made.
    """

    model: str
    about: dict[str, str]
    checks: tuple[Check, ...]

    @property
    def is_computed(self) -> bool:
        """Whether files were whole, so that numbers were computed."""
        return self.checks[0].outcome is not Outcome.FAILED

    @property
    def is_right(self) -> bool:
        """Whether no check failed."""
        return all(check.outcome is not Outcome.FAILED for check in self.checks)


def verify(
    name: str, backend: str | None = None, *, is_long: bool = False, packing: Packing = silent
) -> Generator[Progress | Check, None, Verdict]:
    """Checks a model; each check comes as soon as it is made.

    Files come first, for numbers of damaged files mean nothing: where a hash is wrong, no number is
    computed.

    Args:
        backend: see ``ops.select``.
        is_long: also what takes more than ten minutes here.
        packing: told bytes of weights packed and in all, while that goes on.

    Raises:
        OssiaError: there is no such model, or it cannot be opened and loaded.
    """
    model = hub.find(name)
    checks = [(yield from _reported(check_files(hub.expected_files(model))))]
    about = _machine()
    if checks[0].outcome is not Outcome.FAILED:
        source = open_checkpoint(model.path)
        loaded = Loaded.load(source, backend, packing)
        about |= _computing(source, loaded)
        for checking in _numbers(model, source, loaded, is_long=is_long):
            checks.append((yield from _reported(checking)))
    called = model.on_hub or ("nano" if model.place is hub.Place.PACKAGE else model.path.name)
    return Verdict(str(called), about, tuple(checks))


def _reported(checking: Checking) -> Generator[Progress | Check, None, Check]:
    check = yield from checking
    yield check
    return check


def _numbers(
    model: hub.Model, source: Source, loaded: Loaded, *, is_long: bool
) -> Generator[Checking, None, None]:
    tokenizer = _tokenizer(source)
    ids = partial(prompt_ids, tokenizer, loaded.config.vocabulary)
    if (known := known_of(model)) is None or tokenizer is None:
        yield _not_known()
    else:
        yield numbers.check_known(loaded, tokenizer, known)
    yield numbers.check_steps(loaded, ids(numbers.NUM_STEPS))
    start, length = time.monotonic(), sum(numbers.PAST_WINDOW)
    yield numbers.check_chunks("past the window", loaded, ids(length), numbers.PAST_WINDOW)
    seconds = (time.monotonic() - start) / length * sum(numbers.PAST_ORIGINAL)
    name, chunks = "past 4,096 tokens", numbers.PAST_ORIGINAL
    if seconds > numbers.SECONDS_OF_PROMPT and not is_long:
        yield numbers.too_long(name, seconds)
    else:
        yield numbers.check_chunks(name, loaded, ids(sum(chunks)), chunks)
    if loaded.backend.name != "reference":
        reference = Loaded.load(source, "reference")
        yield numbers.check_backends(loaded, reference, ids(160))


def _not_known() -> Checking:
    yield from ()
    return Check(
        "known continuations",
        Outcome.NOT_RUN,
        "none are known of this model, only of openai/gpt-oss-20b and 120b as pulled, and of nano",
    )


def _tokenizer(source: Source) -> Tokenizer | None:
    files = source.tokenizer
    try:
        return load_tokenizer(json=files.json, ranks=files.ranks, gguf=files.gguf)
    except TokenizerError:
        return None


def _computing(source: Source, loaded: Loaded) -> dict[str, str]:
    nbytes = sum(path.stat().st_size for path in source.files)
    config = loaded.config
    return {
        "files": f"{source.layout.value}, {len(source.files)} with weights, {nbytes / 1e6:,.1f} MB",
        "shape": f"{config.num_layers} layers, hidden {config.hidden}, {config.num_experts} "
        f"experts, vocabulary {config.vocabulary}",
        "backend": f"{loaded.backend.name} ({loaded.backend.detail})",
        "weights": loaded.holding.partition(" from ")[0],  # no path of the user's
    }


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "ossia": f"{VERSION}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.release()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} cores, {memory / 2**30:.1f} GiB",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
