"""The command ``ossia``: its verbs, each in a file of its own."""

from typing import Annotated

import typer

from ossia.base.version import VERSION
from ossia.cli.bench import bench
from ossia.cli.chats import app as chats
from ossia.cli.convert import convert
from ossia.cli.copy import copy
from ossia.cli.create import create
from ossia.cli.failures import reported
from ossia.cli.harmony import app as harmony
from ossia.cli.import_ import import_
from ossia.cli.key import app as key
from ossia.cli.list import list_
from ossia.cli.ps import ps
from ossia.cli.pull import pull
from ossia.cli.remove import remove
from ossia.cli.run import run
from ossia.cli.serve import serve
from ossia.cli.show import show
from ossia.cli.stop import stop
from ossia.cli.synth import synth
from ossia.cli.verify import verify

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take longer to load than everything else together
)


def tell_version(is_asked: bool) -> None:
    """Print the version and end the command, if it was asked for."""
    if is_asked:
        typer.echo(f"ossia {VERSION}")
        raise typer.Exit


@app.callback()
def ossia(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=tell_version, is_eager=True, help="Tell the version and leave."
        ),
    ] = False,
) -> None:
    """Run OpenAI's open-weight gpt-oss models on your own machine.

    \b
    Examples:
      ossia run nano "What is 27 + 58?"     ask the model inside the package
      ossia run gpt-oss:20b                 talk with the released model
      ossia list                            the models on this machine
      cat notes.txt | ossia run nano "Say this in one line"
      ossia show ~/models/gpt-oss-20b       what it is, and what memory it takes
      ossia bench ~/models/gpt-oss-20b      how fast it runs here

    MODEL is a name: nano, the small model inside the package; gpt-oss:20b, gpt-oss:120b;
    ORG/NAME[:QUANTIZATION] on Hugging Face; a name that you gave. Or it is the path of a gpt-oss
    checkpoint: a Hugging Face folder, an original/ folder or a GGUF file.
    """  # noqa: D301 - the \b tells typer to keep the lines as they are


for name, verb, short in (
    ("run", run, "Ask a model, or talk with it."),
    ("pull", pull, "Download a model."),
    ("list", list_, "List the models on this machine."),
    ("show", show, "Tell what a model is."),
    ("rm", remove, "Remove models and names."),
    ("cp", copy, "Give a model a second name."),
    ("import", import_, "Name a model on this disk."),
    ("create", create, "Make a persona."),
    ("verify", verify, "Check files and numbers of a model."),
    ("serve", serve, "Serve models to other programs."),
    ("ps", ps, "List the models that a server has in memory."),
    ("stop", stop, "Let a model go from a server's memory."),
    ("bench", bench, "Measure how fast a model runs here."),
    ("convert", convert, "Write a checkpoint in another layout."),
    ("synth", synth, "Write a checkpoint of random weights."),
):
    app.command(name, short_help=short)(reported(verb))
app.add_typer(chats, name="chats", short_help="Conversations that are kept.")
app.add_typer(key, name="key", short_help="Keys for a server that others reach.")
app.add_typer(harmony, name="harmony", short_help="See conversations as the model does.")


def main() -> None:
    """Run the command; ends the process."""
    reported(app)()
