"""``ossia serve``: models behind the addresses that clients know."""

from typing import TYPE_CHECKING, Annotated

import typer

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.cli.terminal import notices
from ossia.cli.tools import UnsafePython, Venv, equipment

if TYPE_CHECKING:
    from ossia.agent import Equipment


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Models to load at once; others when asked for."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to listen; default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="The port; default 11434, Ollama's.")
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=MODEL", help="Serve a model under another name, too."),
    ] = None,
    keep_alive: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long an unused model stays; -1 for ever.")
    ] = 300.0,
    context: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens that a conversation may grow to.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What computes: cpu or reference.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A web page's origin that may call; * is any."),
    ] = None,
    tools: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Tools that run here for whoever asks, by commas: browser, python.",
        ),
    ] = None,
    venv: Venv = None,
    unsafe_python: UnsafePython = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log every request, without its words.")
    ] = False,
) -> None:
    """Serve models to programs that speak OpenAI's, Ollama's or Anthropic's interface.

    Only this computer is served unless --host says otherwise; then every request needs a key: see
    ossia key create. Models load when they are asked for. Ctrl-C ends it; answers under way may
    go on for ten seconds.

    With --tools, requests to Responses that ask for web_search or code_interpreter are served here:
    the browser reads indexed documents and the web, python runs in a sandbox.

    \b
    Examples:
      ossia serve nano
      ossia serve nano --tools browser,python
      ossia serve --alias gpt-4o=gpt-oss:20b
      curl localhost:11434/v1/chat/completions -d '{"model": "nano",
        "messages": [{"role": "user", "content": "What is 27 + 58?"}]}'
    """  # noqa: D301 - the \b tells typer to keep the lines as they are
    from ossia.cli.pull import offer
    from ossia.server import keys
    from ossia.server.app import build_app
    from ossia.server.guard import LOOPBACK, Guarding
    from ossia.server.models import LocalModels
    from ossia.server.serve import listen
    from ossia.server.serve import serve as serve_app

    usual_host, usual_port = settings.server()
    host, port = host or usual_host, usual_port if port is None else port
    is_local = host in LOOPBACK
    if not is_local and not keys.read():
        raise InputError(
            f"anybody who reaches {host} could use the models; make a key first: ossia key create"
        )
    names = {name: name for name in models or []} | _aliases(alias or [])
    local = LocalModels(names, keep_alive=keep_alive, context=context, backend=backend)
    for name, meant in names.items():
        offer(meant)
        local.check(name)
    guarding = Guarding(
        hosts=LOOPBACK if is_local else None,
        origins=frozenset(allow_origin or []),
        key_of=None if is_local else keys.key_of,
    )
    laid_open = _laid_open(equipment(tools, venv, is_unsafe=unsafe_python))
    listening = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    notices().say(
        f"serving at http://{shown}:{listening.getsockname()[1]} (OpenAI's clients want /v1 after "
        "it); Ctrl-C ends it"
    )
    serve_app(build_app(local, guarding, models or [], laid_open), listening, is_verbose=verbose)


def _laid_open(laid_open: "Equipment") -> "Equipment":
    """The tools that run here, with a word about what each stands on.

    Raises:
        InputError: one is not for servers.
        BackendError: nothing can keep a model's code in a sandbox here.
    """
    if "patch" in laid_open.names:
        raise InputError("the patch tool is not for servers; use it in ossia run --tools patch")
    if laid_open.names:
        import asyncio

        notices().list(asyncio.run(laid_open.check()), dim=True)
    return laid_open


def _aliases(given: list[str]) -> dict[str, str]:
    aliases = {}
    for text in given:
        name, equals, model = text.partition("=")
        if not (name and equals and model):
            raise InputError(f"--alias {text!r:.60} is not NAME=MODEL")
        aliases[name] = model
    return aliases
