"""What openai-harmony makes of ossia's messages, and conversations that both can say.

Only tests marked ``o200k`` come here; wherever ossia differs from the oracle on purpose, the
strategies keep away, and a test of its own names the difference.
"""

import json
import string
from collections.abc import Sequence
from itertools import chain
from typing import Any

import openai_harmony as oh
from hypothesis import strategies as st

from ossia.harmony import (
    Assistant,
    Channel,
    Developer,
    Effort,
    Message,
    ResponseFormat,
    System,
    Tool,
    ToolResult,
    User,
)
from ossia.harmony.built_in import BROWSER, PYTHON

# ------------------------------------------------------------------ messages for the oracle


def oracle_messages(messages: Sequence[Message], encoding: Any) -> list[oh.Message]:
    has_tools = any(
        bool(message.tools) for message in messages if isinstance(message, System | Developer)
    )
    # The oracle always names three channels; ossia offers commentary only where a tool exists.
    channels = [str(c) for c in Channel if has_tools or c is not Channel.COMMENTARY]
    return [oracle_message(message, channels, encoding) for message in messages]


def oracle_prompt(messages: Sequence[Message], encoding: Any) -> list[int]:
    """The ids of messages all of which are shown, and of the start of the next."""
    shown = oracle_messages(messages, encoding)
    if any(isinstance(m, Developer) and m.tools and m.response_format for m in messages):
        # Its developer message is plain text here, so it has to be told of the functions.
        options = oh.RenderOptions(conversation_has_function_tools=True)
        start = encoding.encode("<|start|>assistant", allowed_special="all")
        return [*chain.from_iterable(encoding.render(m, options) for m in shown), *start]
    keep_all = oh.RenderConversationConfig(auto_drop_analysis=False)
    conversation = oh.Conversation.from_messages(shown)
    return list(
        encoding.render_conversation_for_completion(conversation, oh.Role.ASSISTANT, keep_all)
    )


def oracle_message(message: Message, channels: list[str], encoding: Any) -> oh.Message:
    match message:
        case System():
            content = system_content(message).with_required_channels(channels)
            return oh.Message.from_role_and_content(oh.Role.SYSTEM, content)
        case Developer(response_format=None):
            return oh.Message.from_role_and_content(oh.Role.DEVELOPER, developer_content(message))
        case Developer():
            text = developer_text(message, encoding)
            return oh.Message.from_role_and_content(oh.Role.DEVELOPER, text)
        case User(text):
            return oh.Message.from_role_and_content(oh.Role.USER, text)
        case Assistant():
            said = oh.Message.from_role_and_content(oh.Role.ASSISTANT, message.text)
            said.channel, said.recipient = str(message.channel), message.recipient
            is_json = message.content_type == "json"
            said.content_type = "<|constrain|>json" if is_json else message.content_type
            return said
        case ToolResult(name, text, channel):
            author = oh.Author.new(oh.Role.TOOL, name)
            answer = oh.Message.from_author_and_content(author, text)
            return answer.with_channel(str(channel)).with_recipient("assistant")


def system_content(system: System) -> oh.SystemContent:
    content = oh.SystemContent(
        model_identity=system.identity,
        reasoning_effort=oh.ReasoningEffort(system.effort.capitalize()),
        conversation_start_date=system.current_date,
        knowledge_cutoff=system.knowledge_cutoff,
    )
    for namespace in system.tools:
        name = namespace.name
        content = content.with_browser_tool() if name == "browser" else content.with_python_tool()
    return content


def developer_content(developer: Developer) -> oh.DeveloperContent:
    content = oh.DeveloperContent(instructions=developer.instructions)
    tools = [oh.ToolDescription.new(t.name, t.description, t.parameters) for t in developer.tools]
    return content.with_function_tools(tools) if tools else content


def developer_text(developer: Developer, encoding: Any) -> str:
    """The oracle knows no response formats: its own text, and OpenAI's format.md for the rest."""
    form = developer.response_format
    assert form is not None
    parts = []
    if developer.instructions is not None or developer.tools:
        message = oh.Message.from_role_and_content(oh.Role.DEVELOPER, developer_content(developer))
        whole = encoding.decode_utf8(encoding.render(message))
        parts.append(whole.removeprefix("<|start|>developer<|message|>").removesuffix("<|end|>"))
    described = "".join(f"// {line}\n" for line in form.description.split("\n") if line)
    schema = json.dumps(form.schema, ensure_ascii=False, separators=(",", ":"))
    return "\n\n".join([*parts, "# Response Formats", f"## {form.name}\n\n{described}{schema}"])


# ------------------------------------------------------------------ conversations for both

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(
        st.sampled_from(
            ["<|start|>", "<|end|>", "<|message|>", "assistant", "안녕", "👩‍🚀", " ", "\r\n"]
        )
    ).map("".join),
)
words = st.text(string.ascii_letters, min_size=1, max_size=8)
lines = st.sampled_from(
    ["A city, e.g. 서울", "how far", "null or not", "ends.", "", "{braces} | bars", "a // b"]
)
numbers = st.integers(-1000, 1000) | st.sampled_from([0.5, -2.25, 1e3])


def _with(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def _typed(kind: Any, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    about = _with(
        description=lines,
        title=words,
        nullable=st.booleans(),
        examples=st.lists(words, max_size=2),
        **optional,
    )
    return about.map(lambda more: {"type": kind, **more})


enums = st.lists(words, min_size=1, max_size=3, unique=True)
strings = _typed("string", default=words | st.none(), enum=enums)
plain = st.one_of(
    strings,
    _typed("number", default=numbers),
    _typed("integer", default=st.integers(-9, 9)),
    _typed("boolean", default=st.booleans()),
    _typed("array"),
    st.just({"description": "anything"}),
    st.lists(
        st.sampled_from(["string", "integer", "boolean", "null"]), min_size=2, unique=True
    ).map(lambda kinds: {"type": kinds}),
)
single = st.sampled_from([{"type": kind} for kind in ("string", "number", "integer", "boolean")])


def _objects(members: st.SearchStrategy[Any], smallest: int = 0) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(words, members, min_size=smallest, max_size=3)
    required = st.lists(words, max_size=2)
    return st.tuples(properties, required, _with(description=lines, default=st.just({}))).map(
        lambda parts: {
            "type": "object",
            "properties": parts[0],
            "required": [*list(parts[0])[:1], *parts[1]],
            "additionalProperties": False,
            **parts[2],
        }
    )


def _choices(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The oracle leaves out the first one's description; so it has none here."""
    without = members.map(lambda m: {k: v for k, v in m.items() if k not in ("description",)})
    chosen = st.lists(without, min_size=1, max_size=3).map(lambda each: {"oneOf": each})
    return st.tuples(chosen, _with(description=lines, default=numbers | st.none())).map(
        lambda both: {**both[0], **both[1]}
    )


schemas = st.recursive(
    plain,
    lambda members: st.one_of(
        _objects(members),
        st.one_of(single, _objects(members)).map(lambda items: {"type": "array", "items": items}),
        _choices(members.filter(lambda member: "oneOf" not in member)),
    ),
    max_leaves=6,
)
parameters = st.none() | _objects(schemas, smallest=1)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,11}", fullmatch=True)
tools = st.builds(Tool, names, texts.filter(lambda text: "\r" not in text), parameters)
formats = st.builds(
    ResponseFormat,
    names,
    _objects(schemas),
    st.sampled_from(["", "a list", "two\nlines"]),
)
systems = st.builds(
    System,
    st.sampled_from(Effort),
    st.none() | st.dates().map(str),
    texts,
    texts.filter(bool),
    st.sampled_from([(), (BROWSER,), (PYTHON,), (BROWSER, PYTHON), (PYTHON, BROWSER)]),
)
developers = st.builds(
    Developer,
    st.none() | texts,
    st.lists(tools, max_size=3).map(tuple),
    st.none() | formats,
)
analysis = texts.map(lambda text: Assistant(text, Channel.ANALYSIS))
preambles = texts.map(lambda text: Assistant(text, Channel.COMMENTARY))


def _answered(call: Assistant, answer: str) -> list[Message]:
    assert call.recipient is not None
    return [call, ToolResult(call.recipient, answer, call.channel)]


calls = st.builds(
    _answered,
    st.one_of(
        st.builds(
            lambda name, text, kind: Assistant(text, Channel.COMMENTARY, f"functions.{name}", kind),
            names,
            texts,
            st.sampled_from(["json", "code", None]),
        ),
        st.builds(
            lambda name, text: Assistant(text, Channel.ANALYSIS, name, "code"),
            st.sampled_from(["python", "browser.search", "browser.open"]),
            texts,
        ),
    ),
    texts,
)
thoughts = st.lists(
    st.one_of(analysis.map(lambda m: [m]), preambles.map(lambda m: [m]), calls), max_size=3
).map(lambda parts: [*chain(*parts)])
turns = st.tuples(texts.map(User), thoughts, texts.map(Assistant)).map(
    lambda turn: [turn[0], *turn[1], turn[2]]
)
conversations = st.tuples(
    st.lists(systems, max_size=1),
    st.lists(developers, max_size=1),
    st.lists(turns, max_size=3),
    st.lists(texts.map(User), max_size=1),
    thoughts,
).map(lambda parts: [*parts[0], *parts[1], *chain(*parts[2]), *parts[3], *parts[4]])
