"""Every environment variable that ossia reads, and nothing else reads one.

Each is a function, so that a test or a script may change the environment at any time.
"""

import os
import re
from datetime import date
from ipaddress import ip_network
from pathlib import Path

from ossia.base.errors import InputError


def home() -> Path:
    """OSSIA_HOME: where chats and history are kept; default ``$XDG_DATA_HOME/ossia``."""
    if value := os.environ.get("OSSIA_HOME"):
        return _expand(value)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return _expand(data) / "ossia"


def backend() -> str | None:
    """OSSIA_BACKEND: the backend to use instead of the best one that works here."""
    return os.environ.get("OSSIA_BACKEND") or None


def instruction_set() -> str | None:
    """OSSIA_ISA: the kernels' instruction set (scalar, avx2, avx512, avx512bf16, amx, neon)."""
    return os.environ.get("OSSIA_ISA") or None


def num_threads() -> int | None:
    """OSSIA_THREADS: how many threads compute, instead of one for each core.

    Raises:
        InputError: it is no number from 1 to 1,024.
    """
    value = os.environ.get("OSSIA_THREADS")
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) <= 4 and 1 <= int(value) <= 1024:
        return int(value)
    raise InputError(f"OSSIA_THREADS is {value!r:.40}; expected a number from 1 to 1024")


def weights() -> str:
    """OSSIA_WEIGHTS: how the cpu backend holds weights: packed (default), memory or released.

    Raises:
        InputError: it is none of the three.
    """
    value = os.environ.get("OSSIA_WEIGHTS") or "packed"
    if value in ("packed", "memory", "released"):
        return value
    raise InputError(f"OSSIA_WEIGHTS is {value!r:.40}; expected packed, memory or released")


def cache_bytes() -> int:
    """OSSIA_CACHE_GB: gigabytes of disk for what conversations go on from after a restart;
    default 10, and 0 is none.

    10 is less than the weights of 20b take, and enough for 300,000 to 400,000 of its tokens.

    Raises:
        InputError: it is no number from 0 to 100,000.
    """
    return round(_number("OSSIA_CACHE_GB", "10", "gigabytes") * 1e9)


def response_days() -> float:
    """OSSIA_RESPONSES_DAYS: days that a server keeps responses, so that others go on from them;
    default 30. With 0 nothing is written: what is kept goes with the server's process.

    Raises:
        InputError: it is no number from 0 to 100,000.
    """
    return _number("OSSIA_RESPONSES_DAYS", "30", "days")


def response_bytes() -> int:
    """OSSIA_RESPONSES_GB: gigabytes of disk for responses and conversations; default 4.

    Raises:
        InputError: it is no number from 0 to 100,000.
    """
    return round(_number("OSSIA_RESPONSES_GB", "4", "gigabytes") * 1e9)


def server() -> tuple[str, int]:
    """OSSIA_HOST: where the server listens, and where it is asked for: ADDRESS or ADDRESS:PORT;
    default 127.0.0.1:11434.

    Raises:
        InputError: it is no such thing.
    """
    value = os.environ.get("OSSIA_HOST", "")
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))?(?::(\d{1,5}))?", value, re.ASCII)
    if found is None or int(found[3] or 0) > 65535:
        raise InputError(
            f"OSSIA_HOST is {value!r:.60}; expected an address such as 127.0.0.1:11434 or [::1]"
        )
    return found[1] or found[2] or "127.0.0.1", int(found[3] or 11434)


def api_key() -> str | None:
    """OSSIA_API_KEY: the key with which ossia ps and ossia stop ask a server that wants one.

    Raises:
        InputError: it has characters that no key has.
    """
    return _key("OSSIA_API_KEY")


def search_engine() -> str | None:
    """OSSIA_SEARCH: which engine searches the web (searxng, brave, exa, tavily, you), where there
    is an address or a key for several; without it the first of them in that order.

    Raises:
        InputError: it is none of them.
    """
    value = os.environ.get("OSSIA_SEARCH", "").strip().lower()
    if value in ("", "searxng", "brave", "exa", "tavily", "you"):
        return value or None
    raise InputError(f"OSSIA_SEARCH is {value!r:.40}; expected searxng, brave, exa, tavily or you")


def searxng() -> str | None:
    """OSSIA_SEARXNG: the address of a SearXNG to search the web with, which needs no key.

    Raises:
        InputError: it is no http or https address.
    """
    value = os.environ.get("OSSIA_SEARXNG", "").strip().rstrip("/")
    if not value or re.fullmatch(r"https?://[^\s/?#@\\]+(/[\w./-]*)?", value, re.ASCII):
        return value or None
    raise InputError(
        f"OSSIA_SEARXNG is {value!r:.80}; expected an address such as http://127.0.0.1:8888"
    )


def brave_key() -> str | None:
    """BRAVE_API_KEY: the key for searching the web with Brave.

    Raises:
        InputError: it has characters that no key has.
    """
    return _key("BRAVE_API_KEY")


def exa_key() -> str | None:
    """EXA_API_KEY: the key for searching the web with Exa.

    Raises:
        InputError: it has characters that no key has.
    """
    return _key("EXA_API_KEY")


def tavily_key() -> str | None:
    """TAVILY_API_KEY: the key for searching the web with Tavily.

    Raises:
        InputError: it has characters that no key has.
    """
    return _key("TAVILY_API_KEY")


def you_key() -> str | None:
    """YDC_API_KEY: the key for searching the web with You.com.

    Raises:
        InputError: it has characters that no key has.
    """
    return _key("YDC_API_KEY")


def private_hosts() -> frozenset[str]:
    """OSSIA_PRIVATE_HOSTS: what of your own network models may open pages from, by commas: names,
    addresses, networks, such as nas.local,127.0.0.1:8000,192.168.1.0/24; nothing by default.

    Raises:
        InputError: it names something else.
    """
    found = set()
    for value in filter(None, map(str.strip, os.environ.get("OSSIA_PRIVATE_HOSTS", "").split(","))):
        try:
            is_known = "/" not in value or bool(ip_network(value))
        except ValueError:
            is_known = False
        if not is_known or not re.fullmatch(r"[\w.:\[\]/-]+", value, re.ASCII):
            raise InputError(
                f"OSSIA_PRIVATE_HOSTS names {value!r:.60}; expected a host such as nas.local, or a "
                "network such as 192.168.1.0/24"
            )
        found.add(value.lower())
    return frozenset(found)


def current_date() -> str | None:
    """OSSIA_DATE: the date told to the model (YYYY-MM-DD) instead of today.

    Raises:
        InputError: it is no date.
    """
    value = os.environ.get("OSSIA_DATE")
    if not value:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise InputError(
            f"OSSIA_DATE is {value!r:.40}; expected a date such as 2025-08-05"
        ) from None


def hugging_face_cache() -> Path:
    """HF_HUB_CACHE: the Hugging Face cache, whose models are used where they lie.

    By default it is the folder ``hub`` in HF_HOME, and that is ``$XDG_CACHE_HOME/huggingface``.
    """
    if value := os.environ.get("HF_HUB_CACHE"):
        return _expand(value)
    return _hugging_face_home() / "hub"


def hugging_face_endpoint() -> str:
    """HF_ENDPOINT: the hub to pull from, such as a mirror, instead of https://huggingface.co.

    Raises:
        InputError: it is no http or https address; plain http is used only where it says so.
    """
    value = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"
    if re.fullmatch(r"https?://[^\s/?#@\\]+(/[\w./-]*)?", value, re.ASCII):
        return value
    raise InputError(
        f"HF_ENDPOINT is {value!r:.80}; expected an address such as https://huggingface.co"
    )


def hugging_face_token() -> str | None:
    """HF_TOKEN: who you are to the hub, for gated models; else the file that ``hf auth login``
    wrote, which is ``token`` in HF_HOME, or HF_TOKEN_PATH.

    Raises:
        InputError: it has characters that no token has.
    """
    value = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    if not value:
        path = os.environ.get("HF_TOKEN_PATH")
        try:
            value = (_expand(path) if path else _hugging_face_home() / "token").read_text("utf-8")
        except (OSError, ValueError):
            return None
    if re.fullmatch(r"[!-~]*", value := value.strip()):
        return value or None
    raise InputError("HF_TOKEN, or the file of hf auth login, has characters that no token has")


def is_offline() -> bool:
    """OSSIA_OFFLINE: whether the network is forbidden altogether; HF_HUB_OFFLINE says the same."""
    values = (os.environ.get(name, "") for name in ("OSSIA_OFFLINE", "HF_HUB_OFFLINE"))
    return any(value.lower() not in ("", "0", "no", "off", "false") for value in values)


def is_debug() -> bool:
    """OSSIA_DEBUG: whether errors are shown whole, with the way that led to them; 0 is no."""
    return os.environ.get("OSSIA_DEBUG", "0") not in ("", "0")


def is_color_refused() -> bool:
    """NO_COLOR: whether the user wants no styled text (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def is_dumb_terminal() -> bool:
    """TERM: whether the terminal can only print, line after line, or is not known at all."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")


def _hugging_face_home() -> Path:
    if value := os.environ.get("HF_HOME"):
        return _expand(value)
    return _expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def _key(name: str) -> str | None:
    value = os.environ.get(name, "").strip()
    if re.fullmatch(r"[!-~]*", value):
        return value or None
    raise InputError(f"{name} has characters that no key has")


def _number(name: str, usual: str, unit: str) -> float:
    value = os.environ.get(name) or usual
    if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value, re.ASCII) and float(value) <= 100_000:
        return float(value)
    raise InputError(f"{name} is {value!r:.40}; expected a number of {unit} from 0 to 100000")


def _expand(value: str) -> Path:
    """A path whose ~ is the home folder; as it is where the system knows of none."""
    try:
        return Path(value).expanduser()
    except RuntimeError:
        return Path(value)
