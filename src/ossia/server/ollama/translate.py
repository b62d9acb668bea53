"""From Ollama's requests to what the house is asked.

Knows Ollama's words and harmony's; knows no HTTP and no model.
"""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ossia.agent import Transcript
from ossia.base.errors import ConversationError, InputError
from ossia.chat import Demands, NamedTool, Settings, Terms, ToolChoice
from ossia.harmony import (
    Assistant,
    Developer,
    Effort,
    Message,
    ResponseFormat,
    Tool,
    ToolNames,
    User,
)
from ossia.server.asked import Asked
from ossia.server.conversation import Conversation
from ossia.server.ollama import schema
from ossia.server.recall import Recall

SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "num_predict": "max_tokens",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Ollama's options, and what they are called here."""


@dataclass(frozen=True)
class Translation:
    """A request in the house's words.

    Attributes:
        names: of its tools, for the way back.
    """

    asked: Asked
    names: ToolNames


def translate_chat(
    request: schema.ChatRequest,
    today: str | None,
    persona: Transcript,
    recall: Recall,
    client: str = "",
) -> Translation:
    """What ``/api/chat`` is asked.

    Args:
        today: the date that the model is told.
        persona: what the model's name stands for, where the request says nothing else.
        recall: the reasoning that led to calls, of clients that do not send it back.
        client: whose request it is.

    Raises:
        ConversationError: the conversation cannot be expressed.
        InputError: a value is out of its range.
    """
    functions = [tool.function for tool in request.tools or ()]
    names = ToolNames(function.name for function in functions)
    if len({function.name for function in functions}) < len(functions):
        raise ConversationError("tools: two have the same name")
    messages = request.messages or []
    reader = _Reader(names, recall)
    if persona.instructions is not None and all(said.role != "system" for said in messages):
        reader.conversation.instruct(persona.instructions)
    for index, message in enumerate(messages):
        reader.tell(message, f"messages[{index}]")
    tools = tuple(Tool(names.wire(f.name), f.description or "", f.parameters) for f in functions)
    asked = _asked(reader.conversation, request, today, persona, tools, client)
    demands = replace(
        asked.demands,
        tool_choice=_tool_choice(request.tool_choice, names),
        strict_tools=frozenset(names.recipient(f.name) for f in functions if f.strict),
    )
    return Translation(replace(asked, demands=demands), names)


def translate_generate(
    request: schema.GenerateRequest,
    today: str | None,
    persona: Transcript,
    earlier: Iterable[Message] = (),
    client: str = "",
) -> Translation:
    """What ``/api/generate`` is asked.

    Args:
        earlier: what its ``context`` says.

    Raises:
        ConversationError: it asks for what a gpt-oss cannot do.
        InputError: a value is out of its range.
    """
    if request.suffix:
        raise ConversationError("suffix: a gpt-oss does not fill in; leave it out")
    if request.template:
        raise ConversationError(
            "template: a gpt-oss has the harmony format and no other; leave it out, or write the "
            "whole prompt with raw"
        )
    _refuse_images(request.images, "images")
    names = ToolNames(())
    conversation = Conversation(names)
    before = list(earlier)
    instructions = request.system or (None if before else persona.instructions)
    if instructions is not None:
        conversation.instruct(instructions)
    for message in before:
        match message:
            case Developer(str(told)) if instructions is None:
                conversation.instruct(told)
            case User(text):
                conversation.ask(text)
            case Assistant(text):
                conversation.answer(text)
    conversation.ask(request.prompt or "")
    return Translation(_asked(conversation, request, today, persona, (), client), names)


def settings_of(options: schema.Options | None, base: Settings) -> Settings:
    """Settings like others, but for the options that are given.

    Raises:
        InputError: a value is out of its range.
    """
    given = {
        ours: value
        for theirs, ours in SETTINGS.items()
        if options is not None and (value := getattr(options, theirs)) is not None
    }
    if (top_k := given.get("top_k")) is not None:
        given["top_k"] = max(0, top_k)  # -1 is off, as 0 is
    if given.get("seed", 0) < 0:
        given["seed"] = None  # draw one
    if given.get("max_tokens", 1) < 1:
        given["max_tokens"] = None  # -1 and -2: up to the context
    return replace(base, **given)


def persona_settings(parameters: dict[str, object]) -> dict[str, int | float]:
    """The settings of a persona from ``parameters`` of ``/api/create``; what has none is left.

    Raises:
        InputError: a value is no number, or one that a persona cannot keep.
    """
    if parameters.get("stop"):
        raise InputError("parameters.stop: a persona keeps no stop strings; send them as options")
    found: dict[str, int | float] = {}
    for theirs, ours in SETTINGS.items():
        value = parameters.get(theirs)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"parameters.{theirs}: expected a number; it is {value!r:.40}")
        if not (ours in ("seed", "max_tokens") and value < 0):  # which is what it is without
            found[ours] = value
    return found


def _asked(
    conversation: Conversation,
    request: schema.ChatRequest | schema.GenerateRequest,
    today: str | None,
    persona: Transcript,
    tools: tuple[Tool, ...],
    client: str,
) -> Asked:
    settings = settings_of(request.options, persona.settings)
    if request.logprobs or request.top_logprobs:
        settings = replace(settings, num_logprobs=request.top_logprobs or 0)
    stop = request.options.stop if request.options is not None else None
    return Asked(
        conversation.messages(
            _effort(request.think, persona.effort), today, tools, _response_format(request.format)
        ),
        settings,
        Demands(reasoning_limit=0 if request.think is False else None, stop=tuple(stop or ())),
        Terms(client=client),
    )


def _tool_choice(choice: str | schema.NamedTool | None, names: ToolNames) -> ToolChoice | NamedTool:
    if isinstance(choice, schema.NamedTool):
        return NamedTool(names.recipient(choice.function.name))
    return ToolChoice(choice or "auto")


def _effort(think: bool | str | None, usual: Effort) -> Effort:
    match think:
        case False:
            return Effort.LOW
        case "max":
            return Effort.HIGH
        case str(word):
            return Effort(word)
    return usual


def _response_format(form: str | dict[str, object] | None) -> ResponseFormat | None:
    if isinstance(form, dict):
        return ResponseFormat("response", form)
    return ResponseFormat("object", {"type": "object"}) if form else None


def _refuse_images(images: Sequence[object] | None, where: str) -> None:
    if images:
        raise ConversationError(f"{where}: a gpt-oss reads text only, and no images")


class _Reader:
    """Takes Ollama's messages one after the other. Their calls may have no ids."""

    def __init__(self, names: ToolNames, recall: Recall) -> None:
        self.conversation = Conversation(names)
        self._recall = recall
        self._num_calls = 0
        self._open: set[str] = set()  # ids of calls without a result
        self._queues: defaultdict[str | None, deque[str]] = defaultdict(deque)  # by name, and all

    def tell(self, message: schema.Message, where: str) -> None:
        """Adds one message."""
        _refuse_images(message.images, f"{where}.images")
        text = message.content or ""
        match message.role:
            case "system":
                self.conversation.instruct(text)
            case "user":
                self.conversation.ask(text)
            case "assistant":
                self._answer(message, text)
            case "tool":
                self.conversation.result(self._called(message, where), text)

    def _answer(self, message: schema.Message, text: str) -> None:
        calls = message.tool_calls or []
        found = (self._recall.find(call.id) for call in calls if call.id)
        thought = message.thinking or next(filter(None, found), None)
        if thought:
            self.conversation.think(thought)
        if text or not (calls or thought):
            self.conversation.answer(text)
        for call in calls:
            self._num_calls += 1
            call_id = call.id or f"#{self._num_calls}"
            arguments = call.function.arguments or {}
            written = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
            self.conversation.call(call_id, call.function.name, written)
            self._open.add(call_id)
            for queue in (None, call.function.name):
                self._queues[queue].append(call_id)

    def _called(self, message: schema.Message, where: str) -> str:
        """The id of the call that a result belongs to: by id, else by name, else the next."""
        name, call_id = message.tool_name or message.name, message.tool_call_id
        if call_id is not None and self.conversation.has_call(call_id):
            self._open.discard(call_id)
            return call_id
        queue = self._queues[name] if call_id is None or name is not None else deque[str]()
        while queue:
            call_id = queue.popleft()
            if call_id in self._open:
                self._open.remove(call_id)
                return call_id
        given = message.tool_call_id or name
        raise ConversationError(
            f"{where}: a tool's result, and no call before it waits for one"
            + ("" if given is None else f" of {given!r:.60}")
        )
