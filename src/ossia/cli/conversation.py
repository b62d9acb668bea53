"""Conversations as JSON, in two spellings, to harmony's messages.

OpenAI's chat JSON (a request, or its list of messages) is turned into the prompt that a model is
given for it. Harmony's own messages, as openai-harmony writes them and ``ossia harmony parse``
too, stand for themselves. Knows both spellings; knows no token. Whatever is not understood and
would change the prompt is refused with its place; other keys of a request are left.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from ossia.base.errors import ConversationError
from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Effort,
    Message,
    ResponseFormat,
    Role,
    System,
    Tool,
    ToolNames,
    ToolResult,
    User,
)
from ossia.harmony.built_in import BROWSER, PYTHON

_Json = Mapping[str, Any]
_Word = TypeVar("_Word", bound=StrEnum)
_HARMONY_KEYS = ("channel", "recipient", "content_type")
_HARMONY_PARTS = ("system_content", "developer_content")
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "text"}


def read_conversation(document: Any, today: str) -> list[Message]:
    """The messages of a conversation in either spelling.

    Args:
        today: the date that a model is told, where the conversation does not say.

    Raises:
        ConversationError: it is no conversation, or says what harmony cannot express.
    """
    request = {"messages": document} if isinstance(document, list) else document
    if not isinstance(request, dict) or "messages" not in request:
        raise ConversationError(
            "no conversation: expected a list of messages, or an object that has one as messages"
        )
    said = [
        _expect(message, dict, f"messages[{index}]")
        for index, message in enumerate(_expect(request["messages"], list, "messages"))
    ]
    if any(map(_is_harmony, said)):
        return [_harmony_message(message, f"messages[{i}]") for i, message in enumerate(said)]
    return _chat_messages(request, said, today)


def _is_harmony(message: _Json) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return any(key in message for key in _HARMONY_KEYS) or any(
        isinstance(part, dict) and part.get("type") in _HARMONY_PARTS for part in parts
    )


# ------------------------------------------------------------------ OpenAI's chat JSON


def _chat_messages(request: _Json, said: Sequence[_Json], today: str) -> list[Message]:
    functions = [
        _function(tool, f"tools[{index}]")
        for index, tool in enumerate(_expect(request.get("tools") or [], list, "tools"))
    ]
    names = ToolNames(name for name, _ in functions)
    tools = tuple(_tool(names.wire(name), more) for name, more in functions)
    form = _response_format(request.get("response_format"))
    effort = _word(Effort, request.get("reasoning_effort") or Effort.MEDIUM, "reasoning_effort")
    messages: list[Message] = []
    callers: dict[str, str] = {}  # the name of the function that a call's id belongs to
    for index, message in enumerate(said):
        messages += _chat_message(message, f"messages[{index}]", names, callers)
    head: list[Message] = [System(effort, today)]
    match messages:
        case [Developer(instructions), *rest] if tools or form:
            return [*head, Developer(instructions, tools, form), *rest]
    return [*head, *([Developer(None, tools, form)] if tools or form else []), *messages]


def _function(tool: Any, where: str) -> tuple[str, _Json]:
    kind = _expect(tool, dict, where).get("type")
    if kind != "function":
        raise ConversationError(f"{where}.type: {kind!r:.40} is no kind of tool; expected function")
    function = _expect(tool.get("function"), dict, f"{where}.function")
    return _expect(function.get("name"), str, f"{where}.function.name"), function


def _tool(name: str, more: _Json) -> Tool:
    """A tool as both spellings describe it."""
    description = _expect(more.get("description") or "", str, f"the description of {name}")
    parameters = more.get("parameters")
    if parameters is not None:
        _expect(parameters, dict, f"the parameters of {name}")
    return Tool(name, description, parameters)


def _response_format(form: Any) -> ResponseFormat | None:
    if form is None:
        return None
    match _expect(form, dict, "response_format").get("type"):
        case "text":
            return None
        case "json_object":
            return ResponseFormat("object", {"type": "object"})
        case "json_schema":
            where = "response_format.json_schema"
            told = _expect(form.get("json_schema"), dict, where)
            return ResponseFormat(
                _expect(told.get("name"), str, f"{where}.name"),
                _expect(told.get("schema"), dict, f"{where}.schema"),
                _expect(told.get("description") or "", str, f"{where}.description"),
            )
    raise ConversationError(
        "response_format.type: expected text, json_object or json_schema; "
        f"found {form.get('type')!r:.40}"
    )


def _chat_message(
    message: _Json, where: str, names: ToolNames, callers: dict[str, str]
) -> Iterator[Message]:
    text = _text(message.get("content"), f"{where}.content")
    match message.get("role"):
        case "system" | "developer":
            yield Developer(text)
        case "user":
            yield User(text)
        case "assistant":
            yield from _chat_answer(message, text, where, names, callers)
        case "tool":
            call_id = message.get("tool_call_id")
            name = callers.get(str(call_id)) or message.get("name")
            if not isinstance(name, str):
                raise ConversationError(
                    f"{where}.tool_call_id: no call before it has the id {call_id!r:.40}"
                )
            yield ToolResult(names.recipient(name), text)
        case role:
            _word(Role, role, f"{where}.role")  # which refuses it


def _chat_answer(
    message: _Json, text: str, where: str, names: ToolNames, callers: dict[str, str]
) -> Iterator[Message]:
    """What an assistant's message holds: reasoning, a preamble or an answer, calls."""
    if message.get("function_call"):
        raise ConversationError(f"{where}.function_call: expected tool_calls, which replaced it")
    thought = message.get("reasoning_content") or message.get("reasoning")
    if thought:
        yield Assistant(_text(thought, f"{where}.reasoning"), Channel.ANALYSIS)
    calls = _expect(message.get("tool_calls") or [], list, f"{where}.tool_calls")
    if text or not (calls or thought):
        yield Assistant(text, Channel.COMMENTARY if calls else Channel.FINAL)
    for index, call in enumerate(calls):
        place = f"{where}.tool_calls[{index}]"
        function = _expect(_expect(call, dict, place).get("function"), dict, f"{place}.function")
        name = _expect(function.get("name"), str, f"{place}.function.name")
        arguments = _text(function.get("arguments"), f"{place}.function.arguments")
        callers[str(call.get("id"))] = name
        yield Assistant(arguments, Channel.COMMENTARY, names.recipient(name), "json")


# ------------------------------------------------------------------ harmony's own messages


def _harmony_message(message: _Json, where: str) -> Message:
    role = _word(Role, message.get("role"), f"{where}.role")
    if role is Role.SYSTEM:
        return _harmony_system(_one_part(message, "system_content", where), where)
    content = message.get("content")
    if role is Role.DEVELOPER and not isinstance(content, str):
        return _harmony_developer(_one_part(message, "developer_content", where), where)
    text = _text(content, f"{where}.content")
    name, recipient = message.get("name"), message.get("recipient")
    usual = Channel.FINAL if role is Role.ASSISTANT and not recipient else Channel.COMMENTARY
    channel = _word(Channel, message.get("channel") or usual, f"{where}.channel")
    match role:
        case Role.ASSISTANT:
            kind = _expect(message.get("content_type") or "", str, f"{where}.content_type")
            to = None if recipient is None else _expect(recipient, str, f"{where}.recipient")
            return Assistant(text, channel, to, kind.removeprefix("<|constrain|>").strip() or None)
        case Role.TOOL:
            return ToolResult(_expect(name, str, f"{where}.name"), text, channel)
    return Developer(text) if role is Role.DEVELOPER else User(text)


def _harmony_system(content: _Json, where: str) -> System:
    known = {namespace.name: namespace for namespace in (BROWSER, PYTHON)}
    tools = _expect(content.get("tools") or {}, dict, f"{where}.tools")
    for name in tools:
        if name not in known:
            raise ConversationError(
                f"{where}: the model was not trained with a tool {name!r:.40}; expected "
                f"{' or '.join(known)}, or a function in the developer message"
            )
    effort = str(content.get("reasoning_effort") or Effort.MEDIUM).lower()
    said = {
        field: _expect(content[key], str, f"{where}.{key}")
        for field, key in (
            ("identity", "model_identity"),
            ("current_date", "conversation_start_date"),
            ("knowledge_cutoff", "knowledge_cutoff"),
        )
        if content.get(key) is not None
    }
    return System(
        _word(Effort, effort, f"{where}.reasoning_effort"),
        tools=tuple(known[name] for name in tools),
        **said,
    )


def _harmony_developer(content: _Json, where: str) -> Developer:
    namespaces = _expect(content.get("tools") or {}, dict, f"{where}.tools")
    if unknown := [name for name in namespaces if name != "functions"]:
        raise ConversationError(f"{where}.tools: {unknown[0]!r:.40}; expected functions alone")
    functions = _expect(namespaces.get("functions") or {}, dict, f"{where}.tools.functions")
    place = f"{where}.tools.functions.tools"
    tools = (
        _tool(_expect(_expect(tool, dict, place).get("name"), str, f"{place}.name"), tool)
        for tool in _expect(functions.get("tools") or [], list, place)
    )
    instructions = content.get("instructions")
    told = None if instructions is None else _expect(instructions, str, f"{where}.instructions")
    return Developer(told, tuple(tools))


def _one_part(message: _Json, kind: str, where: str) -> _Json:
    parts = message.get("content")
    match parts:
        case [{"type": found} as part] if found == kind:
            return dict(part)
    raise ConversationError(f"{where}.content: expected a list of one object of type {kind}")


# ------------------------------------------------------------------ values


def _text(content: Any, where: str) -> str:
    """Text, or the text of several parts."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for index, part in enumerate(_expect(content, list, where, "text or a list of its parts")):
        kind = _expect(part, dict, f"{where}[{index}]").get("type")
        if kind != "text":
            raise ConversationError(
                f"{where}[{index}].type: {kind!r:.40} cannot be shown to a gpt-oss; expected text"
            )
        texts.append(_expect(part.get("text"), str, f"{where}[{index}].text"))
    return "".join(texts)


def _word(kind: type[_Word], word: Any, where: str) -> _Word:
    try:
        return kind(word)
    except ValueError:
        *rest, last = kind
        raise ConversationError(
            f"{where}: {word!r:.40}; expected {', '.join(rest)} or {last}"
        ) from None


def _expect(value: Any, kind: type, where: str, what: str | None = None) -> Any:
    if not isinstance(value, kind):
        found = "nothing" if value is None else _KINDS.get(type(value), f"{value!r:.40}")
        raise ConversationError(f"{where}: expected {what or _KINDS[kind]}, found {found}")
    return value
