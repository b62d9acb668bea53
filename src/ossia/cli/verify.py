"""``ossia verify``: whether a model here is whole and computes right."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.cli.terminal import Status, notices, output, printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from ossia.verify import Check, Progress, Verdict

_BUG = "Please report it with these lines."


def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or path.")],
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What computes: cpu or reference.")
    ] = None,
    is_long: Annotated[
        bool, typer.Option("--long", help="Run checks too that take more than ten minutes.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it all as one JSON object.")] = False,
) -> None:
    """Check a model's files against their hashes, then what it computes.

    Numbers are checked against known continuations (of the released models and nano), a prompt in
    one pass against the same prompt in pieces, also beyond the window of 128 and the original
    context of 4,096 tokens, and the backend against the reference. A failed check is exit code 1.

    \b
    Examples:
      ossia verify gpt-oss:20b
      ossia verify ~/models/gpt-oss-20b --json
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    verdict = _verified(model, backend, is_long=is_long, is_silent=json)
    if json:
        _print_json(verdict)
    else:
        _print(verdict)
    if not verdict.is_right:
        raise SystemExit(1)


def _verified(name: str, backend: str | None, *, is_long: bool, is_silent: bool) -> "Verdict":
    from ossia.verify import Check
    from ossia.verify import verify as run

    status = Status(notices())
    status.show(f"looking at {printable(name)}")

    def tell_packing(done: int, total: int) -> None:
        status.show(f"packing the weights for this processor, once: {100 * done // total}%")

    verdicts: list[Verdict] = []

    def keeping() -> "Generator[Progress | Check, None, None]":
        verdicts.append((yield from run(name, backend, is_long=is_long, packing=tell_packing)))

    try:
        with closing(keeping()) as steps:
            for step in steps:
                if not isinstance(step, Check):
                    status.show(_stage(step))
                elif not is_silent and notices().is_terminal:
                    status.clear()
                    notices().say(f"{step.name}: {step.outcome}", dim=True)
    finally:
        status.clear()
    return verdicts[0]


def _stage(progress: "Progress") -> str:
    from ossia.cli.facts import size

    def told(count: int) -> str:
        return size(count) if progress.unit == "bytes" else f"{count:,}"

    left = progress.seconds_left
    time = "" if left is None or left < 2 else f", {_duration(left)} left"
    unit = "" if progress.unit == "bytes" else f" {progress.unit}"
    return f"{progress.name}: {told(progress.num_done)} of {told(progress.num_all)}{unit}{time}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _print(verdict: "Verdict") -> None:
    """The verdict and what a report of a bug needs: no path, nothing of the user's."""
    screen = output()
    screen.say(f"{printable(verdict.model)}: {_word(verdict)}\n")
    screen.list({name: printable(text) for name, text in verdict.about.items()})
    screen.write("\n")
    screen.list(
        {check.name: f"{check.outcome}: {printable(check.figure)}" for check in verdict.checks}
    )
    if not verdict.is_right:
        screen.say(f"\n{_BUG}" if verdict.is_computed else "\nPull it again.")


def _word(verdict: "Verdict") -> str:
    from ossia.verify import Outcome

    counts = {o: sum(check.outcome is o for check in verdict.checks) for o in Outcome}
    told = ", ".join(f"{count} {outcome.lower()}" for outcome, count in counts.items() if count)
    return f"{'right' if verdict.is_right else 'WRONG'} ({told})"


def _print_json(verdict: "Verdict") -> None:
    """Fields of ``Verdict``, and ``is_right``."""
    import json
    from dataclasses import asdict

    document = {"is_right": verdict.is_right, **asdict(verdict)}
    output().write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
