"""What a line that begins with a slash does in a talk.

Knows the commands and how each is typed; what they change is the talk's and the transcript's.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ossia.agent import load, place, save, saved_names
from ossia.base.errors import InputError
from ossia.chat import Settings
from ossia.chat.model import FOR_PROGRAMS
from ossia.cli.choice import choose, nearest
from ossia.cli.facts import counted, facts_lines, facts_of
from ossia.cli.terminal import output, printable
from ossia.harmony import Effort, User

if TYPE_CHECKING:
    from ossia.cli.talk import Talk


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        act: does it, given what stands after its name, and says what it did.
        usage: how its argument is written.
        help: what it does, in a line.
    """

    act: Callable[["Talk", str], str | Mapping[str, str]]
    usage: str
    help: str


def execute(talk: "Talk", line: str) -> bool:
    """Do what a line says; whether the talk goes on.

    Raises:
        InputError: there is no such command, or it cannot do that.
    """
    name, _, argument = line[1:].partition(" ")
    if name == "bye":
        return False
    if name not in COMMANDS:
        raise InputError(
            f"no command /{name:.40}{nearest(f'/{name}', [f'/{known}' for known in COMMANDS])} "
            "(/help lists them; to send such a line to the model, put a space before it)"
        )
    if name == "retry":
        talk.retry()
        return True
    said = COMMANDS[name].act(talk, argument.strip())
    if isinstance(said, str):
        output().say(said)
    else:
        output().list(said)
    return True


def _effort(talk: "Talk", argument: str) -> str:
    if argument:
        effort = choose(Effort, argument, "effort")
        talk.transcript = replace(talk.transcript, effort=effort)
    return f"effort {talk.transcript.effort}"


def _system(talk: "Talk", argument: str) -> str:
    if argument:
        instructions = None if argument == "none" else argument
        talk.transcript = replace(talk.transcript, instructions=instructions)
    return f"instructions: {printable(talk.transcript.instructions or 'none')}"


def _set(talk: "Talk", argument: str) -> dict[str, str]:
    name, _, value = argument.partition(" ")
    if argument:
        _set_one(talk, name, value.strip())
    return _settings_of(talk)


def _set_one(talk: "Talk", name: str, value: str) -> None:
    known = list(_settings_of(talk))
    if name == "reasoning" and value == "fold":
        talk.display = replace(talk.display, is_reasoning_shown=True, is_reasoning_folded=True)
    elif name in ("reasoning", "verbose"):
        if value not in ("on", "off"):
            choices = "on, off or fold" if name == "reasoning" else "on or off"
            raise InputError(f"{name} is {choices}; type /set {name} on")
        field = {"reasoning": "is_reasoning_shown", "verbose": "is_verbose"}[name]
        talk.display = replace(talk.display, **{field: value == "on"})
        if name == "reasoning":
            talk.display = replace(talk.display, is_reasoning_folded=False)
    elif name in known:
        settings = replace(talk.transcript.settings, **{name: _number(name, value)})
        talk.transcript = replace(talk.transcript, settings=settings)
    else:
        raise InputError(
            f"no setting {name!r:.40}{nearest(name, known)}; there are: {', '.join(known)}"
        )


def _number(name: str, value: str) -> Any:
    """A value as typed; ``default`` is what it would be at the start."""
    default = getattr(Settings(), name)
    if value == "default":
        return default
    kind = float if isinstance(default, float) else int
    try:
        return kind(value)
    except ValueError:
        what = "a number" if kind is float else "a whole number"
        raise InputError(f"{name} is {what}, not {value!r:.40}; type /set {name} default") from None


def _settings_of(talk: "Talk") -> dict[str, str]:
    switches = {
        "reasoning": talk.display.is_reasoning_shown,
        "verbose": talk.display.is_verbose,
    }
    settings = asdict(talk.transcript.settings)
    settings = {name: value for name, value in settings.items() if name not in FOR_PROGRAMS}
    unset = {"seed": "drawn anew for each answer", "max_tokens": "up to the context"}
    shown = {name: "on" if is_on else "off" for name, is_on in switches.items()}
    if talk.display.is_reasoning_shown and talk.display.is_reasoning_folded:
        shown["reasoning"] = "fold"
    return {name: str(unset[name] if v is None else v) for name, v in settings.items()} | shown


def _clear(talk: "Talk", _argument: str) -> str:
    talk.transcript = talk.transcript.cleared()
    talk.keeper.begin_anew()
    return "the conversation is forgotten; effort, instructions and settings stay"


def _back(talk: "Talk", _argument: str) -> str:
    talk.transcript, question = talk.transcript.back()
    talk.keeper.step_back(to_question=False)
    shown = " ".join(printable(question).split())
    return f"taken back: {shown:.60}; what you ask now is another branch"


def _chats(_talk: "Talk", argument: str) -> dict[str, str] | str:
    from ossia.agent.chats import open_chats
    from ossia.cli.keeping import OWNER

    heads = open_chats().heads(OWNER, argument, limit=20).heads
    if not heads:
        return "none was found" if argument else "none yet"
    return {head.id[5:11]: printable(head.title or "untitled") for head in heads}


def _resume(talk: "Talk", argument: str) -> str:
    from ossia.cli.keeping import resumed

    if not argument:
        raise InputError("name a chat by the start of its id: /resume ID; /chats lists them")
    talk.keeper, talk.transcript = resumed(talk.keeper.model, argument, talk.transcript.cleared())
    return f"going on with {argument}: {_length(talk)}"


def _save(talk: "Talk", argument: str) -> str:
    if not argument:
        raise InputError("give the chat a name: /save NAME")
    path = place(argument)
    save(talk.transcript, path)
    return f"saved as {path}"


def _load(talk: "Talk", argument: str) -> str:
    if not argument:
        names = ", ".join(saved_names()) or "none"
        raise InputError(f"name a chat: /load NAME. Saved are: {names}")
    talk.transcript = load(place(argument))
    talk.keeper.begin_anew()
    return f"loaded {argument}: {_length(talk)}"


def _show(talk: "Talk", _argument: str) -> dict[str, str]:
    return facts_lines(facts_of(talk.model.source)) | {
        "backend": f"{talk.model.backend.name}: {talk.model.backend.reason}",
        "room": f"{talk.model.context:,} tokens of context",
        "talk": _length(talk),
        "system": printable(talk.transcript.instructions or "none"),
    }


def _length(talk: "Talk") -> str:
    num_questions = sum(isinstance(message, User) for message in talk.transcript.messages)
    return f"{counted(num_questions, 'question')} so far, effort {talk.transcript.effort}"


def _help(_talk: "Talk", _argument: str) -> dict[str, str]:
    commands = {
        f"/{name} {command.usage}".rstrip(): command.help for name, command in COMMANDS.items()
    }
    return commands | {
        "@FILE": "puts a file's text into the question",
        '"""': "begins and ends text of several lines",
        "Alt-Enter": "begins a new line",
        "Ctrl-C": "stops an answer",
        "Ctrl-D": "leaves",
    }


COMMANDS = {
    "effort": Command(_effort, "[low|medium|high]", "how long to reason"),
    "system": Command(_system, "[TEXT|none]", "instructions for the whole conversation"),
    "set": Command(_set, "[NAME VALUE]", "sampling, limits, what is shown; alone it lists them"),
    "clear": Command(_clear, "", "forget the conversation"),
    "retry": Command(_help, "", "answer the last question anew; both answers are kept"),
    "back": Command(_back, "", "take the last question back, and ask another"),
    "chats": Command(_chats, "[WORDS]", "conversations that are kept, or those with words"),
    "resume": Command(_resume, "ID", "go on with one of them"),
    "save": Command(_save, "NAME", "keep the conversation under a name, or at a path with a /"),
    "load": Command(_load, "NAME", "go on with a conversation that was kept"),
    "show": Command(_show, "", "the model and this talk"),
    "help": Command(_help, "", "this list"),
    "bye": Command(_help, "", "leave"),
}
"""By name; ``/bye`` and ``/retry`` are seen to before they are looked up."""
