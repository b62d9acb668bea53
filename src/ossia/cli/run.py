"""``ossia run``: the flags, and whether it is one question or a talk."""

import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base.errors import InputError, OssiaError
from ossia.cli.choice import choose
from ossia.cli.confirm import can_ask
from ossia.cli.terminal import Status, notices, printable
from ossia.cli.tools import Allow, Deny, Tools, UnsafePython, Venv, equipment, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ossia.agent import Equipment, Policy, Transcript
    from ossia.chat import ChatModel
    from ossia.cli.ask import Answerer
    from ossia.cli.display import Display
    from ossia.cli.keeping import Keeper

_MAX_INPUT_BYTES = 64 << 20


def run(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model's name or path, or a persona.")
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="The question; without it, a talk begins."),
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instructions for the whole conversation.")
    ] = None,
    effort: Annotated[
        str | None,
        typer.Option(metavar="low|medium|high", help="How long to reason; medium by default."),
    ] = None,
    hide_reasoning: Annotated[
        bool, typer.Option("--hide-reasoning", help="Show the answer only.")
    ] = False,
    temperature: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="0 takes the likeliest token; 1, the default, is the model as trained.",
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Keep the likeliest tokens that hold this share; 1 is off.",
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(metavar="N", help="Keep so many of the likeliest; 0 is off."),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Drop tokens below this share of the likeliest; 0 is off.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same seed gives the same answer.", show_default=False),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Most tokens of an answer, reasoning included.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens of conversation to make room for.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What computes: cpu or reference.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a chat; see ossia chats.")
    ] = None,
    continue_: Annotated[
        bool, typer.Option("--continue", help="Go on with the latest chat.")
    ] = False,
    no_save: Annotated[bool, typer.Option("--no-save", help="Keep nothing of it.")] = False,
    tools: Tools = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="What the patch tool may change; default is here."),
    ] = None,
    venv: Venv = None,
    allow: Allow = None,
    deny: Deny = None,
    unsafe_python: UnsafePython = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print events, a line of JSON each.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tell speed, seed, backend and mended output.")
    ] = False,
) -> None:
    """Ask a model, or talk with it.

    With a prompt, or with text on standard input, it answers once. Otherwise a talk begins: /help
    tells its commands, Ctrl-C stops an answer, Ctrl-D leaves. Reasoning is shown dim on the
    terminal; into a pipe or a file goes the answer alone. A persona brings instructions, effort
    and sampling of its own; what is given here wins. Every conversation is kept: see ossia chats.

    With --tools the model may search indexed documents and the web (browser), run code in a sandbox
    (python) and change files of a folder (patch). You are asked before it leaves this computer or
    changes anything; where nobody can be asked, only what --allow names is done.

    \b
    Examples:
      ossia run nano "What is 27 + 58?"
      ossia run nano --effort low
      ossia run nano --temperature 0 --json "What is 3 * 41?"
      cat notes.txt | ossia run ~/models/gpt-oss-20b "Say this in one line"
      ossia run gpt-oss:20b --tools browser,python "What is 2**100 in words?"
      ossia run pirate                      (a persona; see ossia create)
      ossia run nano -- "-3 + 5?"           (a prompt that begins with a dash)
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.display import Display

    transcript = _opening(
        model,
        system,
        effort,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        max_tokens=max_tokens,
    )
    display = Display(not hide_reasoning, verbose)
    question = _question(prompt or [])
    if question is None and (json or not sys.stdout.isatty()):
        raise InputError("a talk needs a terminal; give a prompt: ossia run MODEL PROMPT")
    keeper, transcript = _kept(model, transcript, resume, continue_, is_kept=not no_save)
    laid_open = equipment(tools, venv, is_unsafe=unsafe_python, folder=folder)
    rules = policy(allow, deny, is_alone=json or not can_ask())
    loaded = _load(model, backend, context, is_json=json)
    with _equipped(loaded, laid_open, rules) as answerer:
        if question is None:
            from ossia.cli.talk import Talk

            called = printable(Path(model).name or model)
            Talk(loaded, answerer, called, transcript, display, keeper).run()
        else:
            _answer_once(loaded, answerer, transcript, question, display, keeper, is_json=json)


def _kept(
    model: str,
    transcript: "Transcript",
    resume: str | None,
    continue_: bool,
    *,
    is_kept: bool,
) -> "tuple[Keeper, Transcript]":
    """Where the talk is kept, and the conversation that it goes on from."""
    from ossia.cli.keeping import Keeper, keeper_for, resumed

    if resume is not None and continue_:
        raise InputError("--resume and --continue both say which chat; give one of them")
    if resume is None and not continue_:
        return keeper_for(model) if is_kept else Keeper(model), transcript
    keeper, transcript = resumed(model, resume, transcript)
    return keeper if is_kept else Keeper(model), transcript


@contextmanager
def _equipped(model: "ChatModel", laid_open: "Equipment", rules: "Policy") -> "Iterator[Answerer]":
    """The model with the tools that were laid open, if any were."""
    if not laid_open.names:
        yield model
        return
    from ossia.cli.equipped import Equipped

    with closing(Equipped(model, laid_open, rules)) as equipped:
        yield equipped


def _opening(
    model: str, system: str | None, effort: str | None, **settings: float | None
) -> "Transcript":
    """The conversation that the model's name begins; what the flags say wins."""
    from ossia.agent import PLAIN, opening, persona_named
    from ossia.harmony import Effort
    from ossia.hub.personas import moved

    if effort is not None:
        choose(Effort, effort, "effort")
    persona = persona_named(model) or PLAIN
    given = {name: value for name, value in settings.items() if value is not None}
    return opening(moved(persona, system=system, effort=effort, settings=given))


def _question(prompt: list[str]) -> str | None:
    """The prompt and what standard input holds, or None where a person is to be asked."""
    if sys.stdin is None or sys.stdin.isatty():
        given = ""
    else:
        data = sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1)
        if len(data) > _MAX_INPUT_BYTES:
            raise InputError(
                f"standard input is larger than {_MAX_INPUT_BYTES >> 20} MiB, which no context "
                "holds; give a part of it"
            )
        given = data.decode("utf-8", errors="replace")
    parts = [part for part in (" ".join(prompt), given.strip("\r\n")) if part.strip()]
    if parts:
        return "\n\n".join(parts)
    if prompt or sys.stdin is None or not sys.stdin.isatty():
        raise InputError("the prompt is empty; give some text to answer")
    return None


def _load(name: str, backend: str | None, context: int | None, *, is_json: bool) -> "ChatModel":
    from ossia.chat import ChatModel, Failed
    from ossia.cli.printer import JsonPrinter
    from ossia.cli.pull import offer

    if not is_json:
        offer(name)
    status = Status(notices())
    status.show(f"loading {name}")

    def tell(done: int, total: int) -> None:
        status.show(f"packing the weights for this processor, once: {100 * done // total}%")

    try:
        return ChatModel.load(name, backend=backend, context=context, packing=tell)
    except OssiaError as error:
        if is_json:
            JsonPrinter().show(Failed(error))
        raise
    finally:
        status.clear()


def _answer_once(
    model: "ChatModel",
    answerer: "Answerer",
    transcript: "Transcript",
    question: str,
    display: "Display",
    keeper: "Keeper",
    *,
    is_json: bool,
) -> None:
    from ossia.chat import Done, Failed
    from ossia.cli.ask import ask, tell_done, tell_load, tell_sources
    from ossia.cli.printer import JsonPrinter, TextPrinter

    if display.is_verbose:
        tell_load(model)
    printer = JsonPrinter() if is_json else TextPrinter(display)
    keeper.asked(question, transcript)
    outcome = ask(
        answerer, transcript.asking(question), transcript.settings, printer, keeper.growing
    )
    keeper.answered(outcome.said, is_whole=isinstance(outcome.end, Done))
    match outcome.end:
        case None:
            raise KeyboardInterrupt
        case Failed(error):
            raise error
        case done:
            if not is_json:
                tell_sources(outcome)
            tell_done(done, display)
