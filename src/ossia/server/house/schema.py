"""What a request to the house's routes may say: types and ranges, and no meaning."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=256)]
Id = Annotated[str, Field(min_length=1, max_length=128)]


class _Strict(BaseModel):
    """A body whose every field is known: a field that is misspelt is no field that is left out."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ModelName(_Strict):
    """The model that something is to be done with."""

    name: Name


class LoadRequest(ModelName):
    """A model that is to be in memory.

    Attributes:
        keep_alive: seconds that it stays when nobody uses it; below zero is for ever.
    """

    keep_alive: Annotated[float, Field(ge=-1, le=1e9, allow_inf_nan=False)] | None = None


class _Query(BaseModel):
    """What stands behind an address's question mark, all of it text."""

    model_config = ConfigDict(extra="ignore")


class DocumentQuery(_Query):
    """What is sent: its file's name, and the model that is to read it."""

    name: Name
    model: Name | None = None


class PersonaRequest(_Strict):
    """A persona, whole."""

    model: Name
    system: str | None = None
    effort: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: Annotated[list[str], Field(max_length=16)] = []


class ChatQuery(_Query):
    """Which chats are to be listed."""

    query: Annotated[str, Field(max_length=400)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: str | None = None


class ExportQuery(_Query):
    """As what a chat is to be given."""

    format: Literal["json", "markdown"] = "json"


class ChatRequest(_Strict):
    """A new chat."""

    title: str | None = None
    model: Name
    persona: str | None = None


class ChatChange(_Strict):
    """What is to be different; what is null stays."""

    title: str | None = None
    leaf: Id | None = None
    model: Name | None = None
    persona: str | None = None


class NodeRequest(_Strict):
    """What was said, and what it answers."""

    id: Id | None = None
    parent: Id | None = None
    role: Literal["user", "assistant"]
    items: list[dict[str, Any]]
    meta: dict[str, Any] = {}


class NodeChange(_Strict):
    """Other items in place of a node's, and more meta beside what it has."""

    items: list[dict[str, Any]] | None = None
    meta: dict[str, Any] | None = None


class ChatFile(BaseModel):
    """A chat as it was exported; what is in it ``agent.chats`` checks."""

    format: Literal["ossia-chat-tree"]
    version: int
    title: str
    model: str
    created: float
    nodes: list[dict[str, Any]]
