"""The flags that lay tools open to models, for every verb that has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ossia.agent import Equipment, Policy, Rule, Verdict

Tools = Annotated[
    str | None,
    typer.Option(
        "--tools", metavar="NAMES", help="Tools to lay open, by commas: browser, python, patch."
    ),
]
Venv = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Virtual environment that the python tool runs with."),
]
UnsafePython = Annotated[
    bool,
    typer.Option(
        "--unsafe-python", help="Run the model's Python as you, with no sandbox around it."
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TOOL[:TARGET]",
        help="Do not ask about a tool, or one host or folder, such as browser:*.python.org.",
    ),
]
Deny = Annotated[
    list[str] | None,
    typer.Option(metavar="TOOL[:TARGET]", help="Refuse it without asking; goes before --allow."),
]


def equipment(
    tools: str | None, venv: Path | None, *, is_unsafe: bool, folder: Path | None = None
) -> "Equipment":
    """What the flags lay open.

    Raises:
        InputError: there is no such tool, or a flag is of a tool that is not named.
    """
    from ossia.agent import Equipment
    from ossia.base.errors import InputError

    names = frozenset(filter(None, map(str.strip, (tools or "").split(","))))
    given = {"--venv": venv is not None, "--unsafe-python": is_unsafe}
    for flag, is_given in given.items():
        if is_given and "python" not in names:
            raise InputError(f"{flag} is of the python tool; lay it open too: --tools python")
    if folder is not None and "patch" not in names:
        raise InputError("--folder is of the patch tool; lay it open too: --tools patch")
    return Equipment(names, folder or Path.cwd(), venv, is_unsafe)


def policy(allow: list[str] | None, deny: list[str] | None, *, is_alone: bool) -> "Policy":
    """Who may do what, by the flags.

    Args:
        is_alone: whether nobody is there to be asked, so that what would be asked is refused.

    Raises:
        InputError: a flag is no rule.
    """
    from ossia.agent import ALONE, CAREFUL, Verdict

    usual = ALONE if is_alone else CAREFUL
    denied = [_rule(text, Verdict.DENY) for text in deny or ()]
    return usual.first(*denied, *(_rule(text, Verdict.ALLOW) for text in allow or ()))


def _rule(text: str, verdict: "Verdict") -> "Rule":
    from ossia.agent import Rule
    from ossia.agent.equipment import NAMES
    from ossia.base.errors import InputError

    tool, colon, target = text.partition(":")
    if tool not in NAMES or (colon and not target):
        raise InputError(
            f"--{verdict} {text!r:.80} is no rule; expected a tool ({', '.join(NAMES)}), or a tool "
            "and a host or folder, such as browser:*.python.org"
        )
    if tool == "patch" and target:
        target = str(Path(target).expanduser().resolve())
    return Rule(verdict, tool, target=target or "*")
