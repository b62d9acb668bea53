"""The list of models as Anthropic's API gives it. Pure.

``/v1/models`` is one address for two dialects: a request with the header ``anthropic-version``
gets this shape.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_UNKNOWN = datetime.fromtimestamp(0, UTC).isoformat().replace("+00:00", "Z")


def model_info(name: str, max_input_tokens: int | None = None) -> dict[str, Any]:
    """One model; when it was made nobody says."""
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _UNKNOWN,
        "lifecycle": "active",
        "max_input_tokens": max_input_tokens,
        "max_tokens": max_input_tokens,
    }


def model_page(names: Sequence[str]) -> dict[str, Any]:
    """All models, which are one page."""
    return {
        "data": [model_info(name) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
