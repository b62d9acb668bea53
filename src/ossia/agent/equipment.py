"""Which tools a user lays open to models, and with what; each conversation gets its own of them.

Knows how every tool is made; what a tool does, and who may use it, is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ossia.base import settings
from ossia.base.errors import InputError
from ossia.tools import Tool

NAMES = ("browser", "python", "patch")


@dataclass(frozen=True)
class Equipment:
    """What models may be given.

    Attributes:
        names: of the tools; none by default.
        folder: whose files ``patch`` reads and changes.
        venv: the virtual environment that ``python`` runs with; None is ossia's own Python.
        is_unsafe: ``python`` runs without a sandbox, as the user himself.

    Raises:
        InputError: there is no such tool.
    """

    names: frozenset[str] = frozenset()
    folder: Path = field(default_factory=Path)
    venv: Path | None = None
    is_unsafe: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(self.names.difference(NAMES)):
            raise InputError(f"there is no tool {unknown[0]!r:.40}; there are {', '.join(NAMES)}")

    def make(self, name: str, files: Mapping[str, bytes] | None = None) -> Tool:
        """A tool for one conversation, which closes it.

        Args:
            files: what lies in the folder of ``python`` at first, by name.

        Raises:
            InputError: a folder, an environment or a setting is not as it has to be.
        """
        assert name in self.names
        match name:
            case "browser":
                return _browser()
            case "python":
                from ossia.tools.python import PythonTool

                return PythonTool(files, self.venv, unsafe=self.is_unsafe)
            case _:
                from ossia.tools.patch import PatchTool

                return PatchTool(self.folder)

    async def check(self) -> dict[str, str]:
        """What each tool stands on, one line each, found out by making it.

        Raises:
            InputError: see ``make``.
            BackendError: nothing can keep code in a sandbox here; says what helps.
        """
        told = {}
        for name in NAMES:
            if name in self.names:
                tool = self.make(name)
                try:
                    told[name] = await self._described(tool)
                finally:
                    await tool.close()
        return told

    async def _described(self, tool: Tool) -> str:
        from ossia.tools.python import PythonTool

        match tool:
            case PythonTool():
                protection = await tool.protection()
                return str(protection or "runs as you, without a sandbox")
            case _ if tool.name == "browser":
                return _sources()
        return f"reads and changes files in {self.folder.resolve()}"


def _browser() -> Tool:
    from ossia.tools.browser import BrowserTool, Fetcher, Guard, LocalDocuments, configured_engine
    from ossia.tools.documents import Index

    local = LocalDocuments(Index()) if Index.exists() else None
    if settings.is_offline():
        return BrowserTool(local)
    return BrowserTool(local, configured_engine(), Fetcher(Guard(settings.private_hosts())))


def _sources() -> str:
    """Where the browser looks."""
    from ossia.tools.browser import configured_engine
    from ossia.tools.documents import Index

    found = []
    if Index.exists():
        folders = Index().folders()
        found.append(f"{sum(folder.num_files for folder in folders):,} documents of this machine")
    if not settings.is_offline():
        engine = configured_engine()
        found += [f"the web by {engine.host}"] if engine else []
    searched = " and ".join(found) or "nothing yet: see ossia index"
    opened = "; opens no web page (offline)" if settings.is_offline() else "; opens web pages"
    return f"searches {searched}{opened}"
