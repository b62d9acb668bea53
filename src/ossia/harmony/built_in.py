"""The two tools that gpt-oss was trained with, in the words that it knows them by.

The words are part of the format: the model was trained with exactly these. What the tools do is
not known here.
"""

from collections.abc import Mapping
from typing import Any

from ossia.harmony.messages import Namespace, Tool


def _arguments(required: str | None = None, **properties: Any) -> Mapping[str, Any]:
    """A schema of arguments: a type, or types, and what it is where the model names none."""
    described = {
        name: {"type": kind[0], "default": kind[1]} if isinstance(kind, tuple) else {"type": kind}
        for name, kind in properties.items()
    }
    return {"type": "object", "properties": described, "required": [required] if required else []}


BROWSER = Namespace(
    "browser",
    """Tool for browsing.
The `cursor` appears in brackets before each browsing display: `[{cursor}]`.
Cite information from the tool using the following format:
`【{cursor}†L{line_start}(-L{line_end})?】`, for example: `【6†L9-L11】` or `【8†L3】`.
Do not quote more than 10 words directly from the tool output.
sources=web (default: web)""",
    (
        Tool(
            "search",
            "Searches for information related to `query` and displays `topn` results.",
            _arguments("query", query="string", topn=("number", 10), source="string"),
        ),
        Tool(
            "open",
            """Opens the link `id` from the page indicated by `cursor` starting at line number \
`loc`, showing `num_lines` lines.
Valid link ids are displayed with the formatting: `【{id}†.*】`.
If `cursor` is not provided, the most recent page is implied.
If `id` is a string, it is treated as a fully qualified URL associated with `source`.
If `loc` is not provided, the viewport will be positioned at the beginning of the document or \
centered on the most relevant passage, if available.
Use this function without `id` to scroll to a new location of an opened page.""",
            _arguments(
                id=(["number", "string"], -1),
                cursor=("number", -1),
                loc=("number", -1),
                num_lines=("number", -1),
                view_source=("boolean", False),
                source="string",
            ),
        ),
        Tool(
            "find",
            "Finds exact matches of `pattern` in the current page, or the page given by `cursor`.",
            _arguments("pattern", pattern="string", cursor=("number", -1)),
        ),
    ),
)
"""Search the web, open pages, find text in them."""

PYTHON = Namespace(
    "python",
    """\
Use this tool to execute Python code in your chain of thought. The code will not be shown to the \
user. This tool should be used for internal reasoning, but not for code that is intended to be \
visible to the user (e.g. when creating plots, tables, or files).

When you send a message containing Python code to python, it will be executed in a stateful \
Jupyter notebook environment. python will respond with the output of the execution or time out \
after 120.0 seconds. The drive at '/mnt/data' can be used to save and persist user files. \
Internet access for this session is UNKNOWN. Depends on the cluster.""",
)
"""Run Python code."""
