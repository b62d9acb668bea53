"""What the parser mends in a model's output, by name. It knows no rule; those are the parser's."""

from enum import StrEnum


class Repair(StrEnum):
    """One kind of mending; a name stands in ``Parser.repairs`` as often as it was done.

    Samples show the output after the prompt's ``<|start|>assistant``.
    """

    MISSING_START = "missing_start"
    """``...<|end|>assistant<|channel|>final<|message|>``: a message begins without its token."""

    MISSING_CHANNEL = "missing_channel"
    """``<|message|>42``: no channel is named, or its control token is left out."""

    MISSING_MESSAGE = "missing_message"
    """``<|channel|>final The answer is 42<|return|>``: text stands where the header should end."""

    MISSING_END = "missing_end"
    """``...<|message|>Let me see<|start|>assistant``: a message begins inside another."""

    UNKNOWN_CHANNEL = "unknown_channel"
    """``<|channel|>finalx<|message|>``: read as the channel that it holds, else as final."""

    SECOND_CHANNEL = "second_channel"
    """``<|channel|>commentary<|channel|>final<|message|>``: the last one counts."""

    SECOND_RECIPIENT = "second_recipient"
    """``<|channel|>commentary to=functions.a to=functions.b<|message|>``: the first one counts."""

    MISSING_TO = "missing_to"
    """``<|channel|>commentary functions.get_weather<|message|>``: a recipient without ``to=``."""

    NO_TOOL = "no_tool"
    """``<|channel|>commentary to=assistant<|message|>``: a recipient that is nobody to call."""

    OTHER_ROLE = "other_role"
    """``<|start|>user<|message|>``: the model speaks for somebody else; kept as what it said."""

    HEADER_WORDS = "header_words"
    """``<|channel|>commentary code 2?<|message|>``: words without a meaning; kept as type."""

    EMPTY_HEADER = "empty_header"
    """``<|start|><|start|>assistant``: a header without a word."""

    CUT_HEADER = "cut_header"
    """``<|channel|>fin``, and then no more tokens came."""

    STRAY_TOKEN = "stray_token"
    """``42<|message|>43``, ``<|end|><|end|>``: a control token where it means nothing; left out."""

    UNKNOWN_TOKEN = "unknown_token"
    """``<|reserved_200013|>``: an id that stands for neither text nor harmony; left out."""

    END_OF_TEXT = "end_of_text"
    """``42<|endoftext|>``: the text ends where the message should."""

    EMPTY_ANSWER = "empty_answer"
    """``<|return|>``: no message says or calls anything. Named, for nothing can mend it."""
