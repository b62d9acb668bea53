"""A Chat Completions request to what the house asks for. Pure: it knows no model and no HTTP.

What would change the answer and cannot be done is refused with its place; what can be left out
without harm is left, and told in a warning where a client would miss it.
"""

import json
from dataclasses import dataclass
from typing import Any

from ossia.agent.transcript import Transcript
from ossia.chat import Demands, NamedTool, Settings, ToolChoice
from ossia.harmony import Effort, ResponseFormat, ToolNames
from ossia.harmony import Tool as HarmonyTool
from ossia.server.asked import Asked
from ossia.server.chat_completions.schema import (
    Call,
    ChatCompletionRequest,
    FunctionTool,
    Message,
    Tool,
)
from ossia.server.conversation import Conversation
from ossia.server.recall import Recall
from ossia.server.toolsets import left_out, tool_named
from ossia.server.validation import missing, wrong

_TEXT_PARTS = ("text", "input_text", "output_text")

_EFFORTS = {
    "none": Effort.LOW,
    "minimal": Effort.LOW,
    "xhigh": Effort.HIGH,
    "max": Effort.HIGH,
}
"""Efforts that other models have, as the nearest that gpt-oss was trained with."""


@dataclass(frozen=True)
class Translated:
    """A request in the house's words.

    Attributes:
        names: of functions, as the client knows them and as the model does.
        warnings: what was left out, for the client.
    """

    asked: Asked
    names: ToolNames
    warnings: tuple[str, ...]


def translate(
    request: ChatCompletionRequest,
    today: str | None,
    persona: Transcript,
    recall: Recall,
    client: str = "",
    enabled: frozenset[str] = frozenset(),
) -> Translated:
    """All that a request asks for.

    Args:
        enabled: names of the tools that run on this server.
        today: the date that the model is told.
        persona: what the model's name stands for, where the request says nothing else.
        client: whose request it is, where it does not say itself.

    Raises:
        RequestError: a field asks for what cannot be given.
        InputError: the same, found by a room below.
    """
    _refuse_other_media(request)
    functions, warnings = _functions(request.tools or [], enabled)
    names = ToolNames(function.name for function in functions)
    served, unserved = _served(request, enabled)
    choice, offered, more = _choice(request.tool_choice, functions, names, served)
    effort = request.reasoning_effort or persona.effort
    talk = Conversation(names)
    if persona.instructions is not None and not any(map(_is_instruction, request.messages)):
        talk.instruct(persona.instructions)
    for index, message in enumerate(request.messages):
        _say(talk, message, f"messages[{index}]", recall)
    tools = tuple(
        HarmonyTool(names.wire(tool.name), tool.description or "", tool.parameters)
        for tool in offered
    )
    messages = talk.messages(
        _EFFORTS.get(effort) or Effort(effort), today, tools, _response_format(request)
    )
    demands = Demands(
        tool_choice=choice,
        strict_tools=frozenset(names.recipient(tool.name) for tool in offered if tool.strict),
        reasoning_limit=0 if effort == "none" else None,
        stop=request.stops,
    )
    settings, terms = _settings(request, persona.settings), request.terms(client)
    asked = Asked(messages, settings, demands, terms, served)
    return Translated(asked, names, (*warnings, *unserved, *more))


def _refuse_other_media(request: ChatCompletionRequest) -> None:
    if request.modalities and set(request.modalities) != {"text"}:
        raise wrong("modalities", "gpt-oss writes text only", "unsupported_value")
    if request.functions:
        raise wrong("functions", "expected tools, which replaced it", "unsupported_parameter")


# ------------------------------------------------------------------ tools


def _served(
    request: ChatCompletionRequest, enabled: frozenset[str]
) -> tuple[tuple[str, ...], list[str]]:
    """The server's own tools that are asked for, and a warning where they are not enabled."""
    named = [tool_named(tool.type) for tool in request.tools or ()]
    warnings: list[str] = []
    if request.web_search_options is not None:
        named.append("browser")
        if (why := left_out("web_search", enabled)) is not None:
            warnings.append(f"web_search_options: {why}")
    return tuple(name for name in dict.fromkeys(named) if name in enabled), warnings


def _functions(tools: list[Tool], enabled: frozenset[str]) -> tuple[list[FunctionTool], list[str]]:
    """The functions among the tools, and a warning for each tool that nobody runs."""
    functions: dict[str, FunctionTool] = {}
    warnings: list[str] = []
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if tool.type != "function":
            if (why := left_out(tool.type, enabled)) is not None:
                warnings.append(f"{where}: {why}")
        elif tool.function is None:
            raise missing(f"{where}.function")
        elif tool.function.name in functions:
            warnings.append(f"{where}: another tool has the name {tool.function.name!r:.80}")
        else:
            functions[tool.function.name] = tool.function
    return list(functions.values()), warnings


def _choice(
    choice: Any, functions: list[FunctionTool], names: ToolNames, served: tuple[str, ...]
) -> tuple[ToolChoice | NamedTool, list[FunctionTool], list[str]]:
    """Whom the model may call: the choice, the functions that are offered for it, warnings."""
    match choice:
        case None:
            return ToolChoice.AUTO, functions, []
        case "none" | "auto" | "required":
            if not served:
                _need_functions(choice, functions)
            return ToolChoice(choice), functions, []
        case {"type": "function", "function": {"name": str(name)}}:
            _need_known(name, functions)
            return NamedTool(names.recipient(name)), functions, []
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(allowed), **more}}:
            mode = more.get("mode", "auto")
            if mode in ("auto", "required"):
                return ToolChoice(mode), _allowed(allowed, functions), []
        case {"type": str(kind)} if kind not in ("function", "allowed_tools"):
            warning = f"tool_choice: tools of type {kind!r:.40} are not offered to gpt-oss"
            return ToolChoice.AUTO, functions, [warning]
    raise wrong(
        "tool_choice", f"expected none, auto, required or one function; found {choice!r:.80}"
    )


def _need_functions(choice: str, functions: list[FunctionTool]) -> None:
    if choice == "required" and not functions:
        raise wrong("tool_choice", "required, and no function is offered")


def _need_known(name: str, functions: list[FunctionTool]) -> None:
    if all(function.name != name for function in functions):
        raise wrong("tool_choice", f"no function {name!r:.80} is among the tools")


def _allowed(allowed: list[Any], functions: list[FunctionTool]) -> list[FunctionTool]:
    """The functions that a choice leaves; the others are not shown to the model either."""
    left: list[str] = []
    for tool in allowed:
        match tool:
            case {"type": "function", "function": {"name": str(name)}}:
                _need_known(name, functions)
                left.append(name)
    if not left:
        raise wrong("tool_choice", "no function is allowed")
    return [function for function in functions if function.name in left]


# ------------------------------------------------------------------ messages


def _is_instruction(message: Message) -> bool:
    return message.role in ("system", "developer")


def _say(talk: Conversation, message: Message, where: str, recall: Recall) -> None:
    """Adds one message to the conversation."""
    text = _text(message.content, f"{where}.content")
    match message.role:
        case "system" | "developer":
            talk.instruct(text)
        case "user":
            talk.ask(text)
        case "assistant":
            _say_answer(talk, message, text, where, recall)
        case "tool":
            call_id = message.tool_call_id or ""
            if not talk.has_call(call_id):
                what = f"no call before it has the id {call_id!r:.80}"
                raise wrong(f"{where}.tool_call_id", what)
            talk.result(call_id, text)


def _say_answer(
    talk: Conversation, message: Message, text: str, where: str, recall: Recall
) -> None:
    """What an assistant's message holds: reasoning, a preamble or an answer, calls."""
    if message.function_call:
        what = "expected tool_calls, which replaced it"
        raise wrong(f"{where}.function_call", what, "unsupported_parameter")
    calls = message.tool_calls or []
    said = (
        _text(getattr(message, name), f"{where}.{name}")
        for name in ("reasoning", "reasoning_content", "thinking")
    )
    thought = next(filter(None, said), None)
    if thought is None:
        thought = next(filter(None, (recall.find(call.id) for call in calls)), None)
    if thought:
        talk.think(thought)
    text = text or message.refusal or ""
    if text or not (calls or thought):
        talk.answer(text)
    for index, call in enumerate(calls):
        name, arguments = _called(call, f"{where}.tool_calls[{index}]")
        talk.call(call.id, name, arguments)


def _called(call: Call, where: str) -> tuple[str, str]:
    """The name and the arguments of a call, which may have been made by another model."""
    if call.function is not None:
        arguments = call.function.arguments
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        return call.function.name, arguments or ""
    match call.custom:
        case {"name": str(name), "input": str(text)} if name:
            return name, text
    raise missing(f"{where}.function")


def _text(content: Any, where: str) -> str:
    """Text, or the text of several parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise wrong(where, "expected text or a list of its parts", "invalid_type")
    return "".join(_part(part, f"{where}[{index}]") for index, part in enumerate(content))


def _part(part: Any, where: str) -> str:
    match part:
        case {"type": str(kind), "text": str(text)} if kind in _TEXT_PARTS:
            return text
        case {"type": "refusal", "refusal": str(text)}:
            return text
        case {"type": str(kind)} if kind not in (*_TEXT_PARTS, "refusal"):
            what = f"gpt-oss reads text only; it cannot be shown {kind!r:.40}"
            raise wrong(f"{where}.type", what, "unsupported_content")
    raise wrong(where, "expected an object with type text and a text")


# ------------------------------------------------------------------ the answer


def _response_format(request: ChatCompletionRequest) -> ResponseFormat | None:
    form = request.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return ResponseFormat("object", {"type": "object"})
    told = form.json_schema
    if told is None:
        raise missing("response_format.json_schema")
    schema = {"type": "object"} if told.schema_ is None else told.schema_
    return ResponseFormat(told.name, schema, told.description or "")


def _settings(request: ChatCompletionRequest, usual: Settings) -> Settings:
    if request.top_logprobs is not None and not request.logprobs:
        raise wrong("top_logprobs", "expected logprobs to be true")
    num_logprobs = (request.top_logprobs or 0) if request.logprobs else None
    max_tokens = request.max_completion_tokens or request.max_tokens
    return request.settings(usual, max_tokens, num_logprobs)
