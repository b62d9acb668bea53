"""``ossia bench``: how fast a model runs on this machine."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.cli.terminal import Status, notices, output, printable

if TYPE_CHECKING:
    from ossia.bench import Decode, Progress, Report, Spread, Workload


def bench(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or path.")],
    prompt: Annotated[int, typer.Option(metavar="N", help="Tokens of prompt.")] = 512,
    decode: Annotated[int, typer.Option(metavar="N", help="Tokens decoded after it.")] = 64,
    context: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Time decoding with N tokens in the KV cache, too; they are random."
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(metavar="N", help="How often to measure; medians count.")
    ] = 5,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What computes: cpu or reference.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it all as one JSON object.")] = False,
) -> None:
    """Measure how fast a model runs here, and what share of the memory's speed it reaches.

    Decoding reads every weight that a token uses once, so it can be no faster than memory is:
    that floor is measured in the same run. Prompts are random tokens.

    \b
    Examples:
      ossia bench nano
      ossia bench ~/models/gpt-oss-20b --context 32768
      ossia bench ~/models/gpt-oss-20b --prompt 4096 --repeat 3 --json
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.bench import Workload

    report = _measure(model, Workload(prompt, decode, context, repeat), backend)
    if json:
        _print_json(report)
    else:
        _print(report)


def _measure(name: str, workload: "Workload", backend: str | None) -> "Report":
    from ossia.bench import Bench, Progress

    status = Status(notices())

    def tell_packing(done: int, total: int) -> None:
        status.show(f"packing the weights for this processor, once: {100 * done // total}%")

    try:
        status.show(f"loading {printable(name)}")
        with closing(Bench(name, workload, backend, tell_packing).run()) as stages:
            for made in stages:
                if not isinstance(made, Progress):
                    return made
                status.show(_stage(made, workload.repeat))
    finally:
        status.clear()
    raise AssertionError("a measurement ends with its report")


def _stage(progress: "Progress", num_repeats: int) -> str:
    of = "" if progress.repeat is None else f"{progress.repeat} of {num_repeats}: "
    return f"{of}{progress.stage}, {progress.num_done:,} of {progress.num_tokens:,} tokens"


def _print(report: "Report") -> None:
    from ossia.cli.facts import counted, size

    screen = output()
    formats = ", ".join(f"{kind} {format_}" for kind, format_ in report.weights.items())
    screen.list(
        {
            "model": f"{printable(report.model)} ({report.layout})",
            "backend": f"{report.backend} ({report.backend_detail}): {report.backend_reason}",
            "weights": f"{printable(report.holding)}; {formats}",
        }
    )
    _print_rates(report)
    peak = "not told by this system" if report.peak_bytes is None else size(report.peak_bytes)
    bandwidth = report.bandwidth
    screen.list(
        {
            "memory reads": f"{size(bandwidth.median)}/s ({size(bandwidth.lowest)} to "
            f"{size(bandwidth.highest)}) with {counted(report.threads, 'thread')}, "
            "around every decoding",
            **_traffic(report),
            "a step": _step(report),
            "first token": f"{_seconds(report.time_to_first_token.median)} after the prompt; "
            f"loading took {_seconds(report.load_seconds)}, the first prompt "
            f"{_seconds(report.warm_up_seconds)}",
            "peak memory": f"{peak}, mapped weights included",
        }
    )


def _print_rates(report: "Report") -> None:
    """The table: tokens a second, and decoding beside its floor."""
    screen, workload = output(), report.workload
    rows: list[tuple[str, Spread, Decode | None]]
    rows = [(f"prefill {workload.prompt:,}", report.prefill, None)]
    rows += [
        (f"decode at {each.context:,}", each.tokens_per_second, each)
        for each in (report.decode, report.decode_at_context)
        if each is not None
    ]
    screen.write(
        f"\n{'tokens/s':18}{'median':>9}{'lowest':>9}{'highest':>9}{'floor':>9}  reached\n"
    )
    for label, rate, each in rows:
        floor = "" if each is None else f"{_rate(each.floor):>9}{each.share_of_floor.median:>8.0%}"
        figures = "".join(f"{_rate(x):>9}" for x in (rate.median, rate.lowest, rate.highest))
        screen.write(f"{label:18}{figures}{floor}\n")
    if report.decode_at_context is not None:
        screen.say("(context filled with random keys and values)", dim=True)
    screen.write("\n")


def _traffic(report: "Report") -> dict[str, str]:
    """What a token reads, for every decoding that was measured."""
    from ossia.cli.facts import size

    lines = {}
    for each in (report.decode, report.decode_at_context):
        if each is not None:
            lines[f"read at {each.context:,}"] = (
                f"{size(each.traffic.total)} a token: experts {size(each.traffic.experts)}, other "
                f"weights {size(each.traffic.dense)}, keys and values {size(each.traffic.kv)}"
            )
    return lines


def _step(report: "Report") -> str:
    step = report.step
    parts = [*step.ops.items(), ("outside of ops", step.outside)]
    shares = (f"{name} {spent / step.seconds:.1%}" for name, spent in parts if spent > 0)
    return f"{_seconds(step.seconds)}: {', '.join(shares)}"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.1f}" if rate >= 10 else f"{rate:.2f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _print_json(report: "Report") -> None:
    """Fields of ``Report``."""
    import json
    from dataclasses import asdict

    output().write(json.dumps(asdict(report), indent=1) + "\n")
