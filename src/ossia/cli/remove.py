"""``ossia rm``: removes models that ossia pulled, and names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.cli.terminal import output, printable

if TYPE_CHECKING:
    from ossia.hub.removal import Removal


def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Models or names.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove models that ossia pulled, and names that you gave.

    A model that lies elsewhere (imported, or in the Hugging Face cache) is never deleted: its name
    is forgotten, and weights that ossia packed beside it go.

    \b
    Examples:
      ossia rm gpt-oss:20b
      ossia rm pirate mine --yes
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.confirm import is_agreed
    from ossia.hub.removal import carry_out, plan_removal

    for name in names:
        removal = plan_removal(name)
        packed = _packed(removal)
        question = _question(removal, packed)
        if yes or is_agreed(question):
            carry_out(removal)
            for path in packed:
                path.unlink(missing_ok=True)
                if path.parent.name == ".ossia" and not any(path.parent.iterdir()):
                    path.parent.rmdir()
            output().say(_done(removal, packed))


def _packed(removal: "Removal") -> list[Path]:
    """Weights that ossia packed from the model, outside of what is deleted anyway."""
    from ossia.base.errors import OssiaError
    from ossia.checkpoint import open_checkpoint
    from ossia.checkpoint.packed import packed_files

    path = removal.folder or removal.outside
    if path is None:
        return []
    try:
        found = packed_files(open_checkpoint(path))
    except OssiaError:
        return []  # gone, or damaged: then nothing was packed from what is there now
    folder = removal.folder
    return [path for path in found if folder is None or not path.is_relative_to(folder)]


def _question(removal: "Removal", packed: list[Path]) -> str:
    from ossia.base.errors import InputError
    from ossia.cli.facts import size
    from ossia.hub import HubName
    from ossia.hub.removal import processes_with

    if isinstance(removal.name, HubName) and removal.folder is None:
        if not packed:
            raise InputError(
                f"{removal.name} is in the Hugging Face cache ({removal.outside}), where ossia "
                "removes nothing; hf cache rm does"
            )
        question = f"Leave {removal.name} in the Hugging Face cache, with nothing beside it?"
    elif removal.folder is None:
        stays = f" {removal.outside} stays." if removal.outside else ""
        question = f"Forget the name {removal.name}?{stays}"
    else:
        question = f"Remove {removal.name} ({size(removal.size)}) from {removal.folder}?"
        if running := processes_with(removal.folder):
            numbers = ", ".join(map(str, running))
            question = f"It runs now (process {numbers}) and goes on to its end. {question}"
    if packed:
        nbytes = sum(path.stat().st_size for path in packed)
        question += f" {size(nbytes)} that ossia packed from it go too."
    return question


def _done(removal: "Removal", packed: list[Path]) -> str:
    from ossia.cli.facts import counted, size

    if removal.folder is not None:
        return f"removed {removal.name}: {size(removal.size)}"
    stays = f"; {removal.outside} is still there" if removal.outside else ""
    gone = f", {counted(len(packed), 'packed file')} removed" if packed else ""
    return printable(f"forgot {removal.name}{gone}{stays}")
