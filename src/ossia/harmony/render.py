"""From messages to the token ids that gpt-oss was trained on.

Knows the format (OpenAI's harmony response format); knows no engine. Control tokens are set by
name and text is encoded as text, so nothing that anybody wrote can become a control token.
"""

from collections.abc import Iterator, Sequence

from ossia.harmony.messages import Assistant, Channel, Developer, Message, Role, System, User
from ossia.harmony.special import CHANNEL, END, MESSAGE, START
from ossia.tokenizer import Tokenizer


def render(
    messages: Sequence[Message], tokenizer: Tokenizer, *, for_completion: bool = True
) -> list[int]:
    """The ids of a conversation.

    Reasoning of a turn that a final answer ended is left out, in every turn: the model was trained
    not to see it again. Reasoning after the last user message stays until such an answer comes.

    Args:
        for_completion: end with the start of the assistant's next message.

    Raises:
        TokenizerError: the vocabulary lacks a control token.
    """
    ids: list[int] = []
    for message in without_spent_reasoning(messages):
        ids += _render_message(message, tokenizer)
    if for_completion:
        ids += [tokenizer.special(START), *tokenizer.encode(Role.ASSISTANT)]
    return ids


def without_spent_reasoning(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages that the model still sees: no analysis before the last final answer."""
    last_final = max(
        (i for i, m in enumerate(messages) if isinstance(m, Assistant) and _is_final(m)), default=-1
    )
    for index, message in enumerate(messages):
        is_reasoning = isinstance(message, Assistant) and message.channel is Channel.ANALYSIS
        if not (is_reasoning and index < last_final):
            yield message


def _is_final(message: Assistant) -> bool:
    return message.channel is Channel.FINAL


def _render_message(message: Message, tokenizer: Tokenizer) -> list[int]:
    role, text = _role_and_text(message)
    ids = [tokenizer.special(START), *tokenizer.encode(role)]
    if isinstance(message, Assistant):
        ids += [tokenizer.special(CHANNEL), *tokenizer.encode(message.channel)]
    return [*ids, tokenizer.special(MESSAGE), *tokenizer.encode(text), tokenizer.special(END)]


def _role_and_text(message: Message) -> tuple[Role, str]:
    match message:
        case System():
            return Role.SYSTEM, system_text(message)
        case Developer():
            return Role.DEVELOPER, f"# Instructions\n\n{message.instructions}"
        case User():
            return Role.USER, message.text
        case Assistant():
            return Role.ASSISTANT, message.text


def system_text(system: System) -> str:
    """The body of the system message, line by line as the model was trained with it."""
    about = [system.identity, f"Knowledge cutoff: {system.knowledge_cutoff}"]
    if system.current_date is not None:
        about.append(f"Current date: {system.current_date}")
    channels = ", ".join(Channel)
    return "\n\n".join(
        [
            "\n".join(about),
            f"Reasoning: {system.effort}",
            f"# Valid channels: {channels}. Channel must be included for every message.",
        ]
    )
