"""``ossia pull``: a model from the hub onto this machine."""

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base.errors import InputError, OssiaError

if TYPE_CHECKING:
    from ossia.cli.transfer import Way
    from ossia.hub import HubName
    from ossia.hub.remote import RemoteModel
    from ossia.hub.transfer import Progress


def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model on Hugging Face.")],
    quantization: Annotated[
        str | None,
        typer.Option(metavar="Q", help="Which GGUF files of the repository, such as Q8_0."),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="R", help="A branch, tag or commit; main by default."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print progress, a line of JSON each.")
    ] = False,
) -> None:
    """Download a model, and check every file against the hub's hashes.

    A download that was cut, stopped or killed goes on from where it was when the same command is
    given again. A model that is here is checked, and what is damaged or newer on the hub is
    fetched. A model that is in the Hugging Face cache is used there, and not downloaded. For gated
    models set HF_TOKEN; HF_ENDPOINT names another hub; OSSIA_OFFLINE=1 forbids the network.

    \b
    Examples:
      ossia pull gpt-oss:20b
      ossia pull ggml-org/gpt-oss-20b-GGUF
      ossia pull ORG/NAME-GGUF --quantization Q8_0
      ossia pull gpt-oss:120b --json
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.transfer import Json, usual_way

    way = Json() if json else usual_way()
    try:
        wanted = _wanted(name, quantization)
        if (here := _here(name, wanted, revision)) is not None:
            way.end({"name": str(wanted), "path": here[0]}, here[1])
        else:
            bring(wanted, revision or "main", way)
    except OssiaError as error:
        way.fail(str(error))
        raise


def bring(name: "HubName", revision: str = "main", way: "Way | None" = None) -> None:
    """Downloads a model and shows how far it is.

    Raises:
        InputError, NetworkError, ResourceError: as ``hub.remote.describe``, ``hub.download.pull``.
    """
    from ossia.cli.facts import size
    from ossia.cli.transfer import duration, usual_way
    from ossia.hub import store
    from ossia.hub.names import short
    from ossia.hub.remote import describe

    way = way or usual_way()
    model = describe(name, revision)
    way.begin(model)
    start = time.monotonic()
    _follow(model, way)
    seconds = time.monotonic() - start
    way.end(
        {"name": str(name), "path": str(store.folder_of(name)), "seconds": round(seconds, 3)},
        f"{name} is here: {size(model.size)}, every file checked, {duration(seconds)}; "
        f"ossia run {short(name)}",
    )


def offer(name: str) -> None:
    """Fetches a model that the hub has and this machine has not, if somebody is there to agree."""
    from ossia import hub
    from ossia.cli.confirm import can_ask, is_agreed
    from ossia.cli.facts import size
    from ossia.hub.names import DOWNLOAD_BYTES

    if not can_ask() or (absent := hub.missing(name)) is None:
        return
    nbytes = DOWNLOAD_BYTES.get(absent)
    what = f"{absent}, {size(nbytes)}," if nbytes else str(absent)
    if is_agreed(f"{name} is not here. Download {what} from Hugging Face now?"):
        bring(absent)


def _follow(model: "RemoteModel", way: "Way") -> None:
    """Downloads; where that ends early, tells what is kept."""
    from ossia.cli.facts import size
    from ossia.hub.download import pull as download
    from ossia.hub.names import short

    last: Progress | None = None
    try:
        with closing(download(model)) as steps:
            for last in steps:
                way.show(last)
    except BaseException:
        way.close()
        if last is not None and last.num_done:
            way.tell(
                f"{size(last.num_done)} of {size(last.num_all)} are kept; "
                f"ossia pull {short(model.name)} goes on from there"
            )
        raise
    way.close()


def _wanted(text: str, quantization: str | None) -> "HubName":
    """What the hub calls what the user means."""
    from ossia import hub

    name: hub.HubName | hub.OwnName | None = hub.parse(text)
    if isinstance(name, hub.OwnName) and (name := hub.missing(text)) is None:
        found = hub.find(text)
        if (name := found.on_hub) is None:
            raise InputError(f"there is nothing to pull: {text} is {found.place.value}")
    if quantization is not None and name is not None:
        if name.quantization not in (None, quantization):
            raise InputError(f"{name} names a quantisation, and --quantization another")
        name = hub.parse(f"{name.repository}:{quantization}")
    assert isinstance(name, hub.HubName), "every branch above ends with one"
    return name


def _here(text: str, name: "HubName", revision: str | None) -> tuple[str, str] | None:
    """Where a model is that need not be asked for, and what is said of it."""
    from ossia import hub
    from ossia.base import settings

    if revision is not None or hub.missing(str(name)) is not None:
        return None
    found = hub.find(str(name))
    if found.place is hub.Place.CACHE:
        said = f"{name} is {found.place.value} already, and is used there: {found.path}"
    elif settings.is_offline():
        said = f"{name} is here; the network is forbidden, so nothing newer was asked for"
    else:
        return None
    return str(found.path), f"{said}; ossia run {text}"
