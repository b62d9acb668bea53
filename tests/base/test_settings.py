"""Every variable: unset, empty, set."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ossia.base import settings
from ossia.base.errors import InputError

NAMES = re.compile(
    r"\b(OSSIA_[A-Z_]+|HF_[A-Z_]+|HUGGING_[A-Z_]+|XDG_[A-Z]+_HOME|NO_COLOR|TERM"
    r"|(?:BRAVE|EXA|TAVILY|YDC)_API_KEY)\b"
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable is set."""
    for name in NAMES.findall(inspect.getsource(settings)):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_home(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("HOME", "/home/me")
    assert settings.home() == Path("/home/me/.local/share/ossia")
    bare.setenv("XDG_DATA_HOME", "/data")
    assert settings.home() == Path("/data/ossia")
    bare.setenv("OSSIA_HOME", "~/mine")
    assert settings.home() == Path("/home/me/mine")
    bare.setenv("OSSIA_HOME", "~no-such-user/mine")
    assert settings.home() == Path("~no-such-user/mine")


@pytest.mark.parametrize(
    ("variable", "function"), [("OSSIA_BACKEND", "backend"), ("OSSIA_ISA", "instruction_set")]
)
def test_plain_words(bare: pytest.MonkeyPatch, variable: str, function: str) -> None:
    read = getattr(settings, function)
    assert read() is None
    bare.setenv(variable, "")
    assert read() is None
    bare.setenv(variable, "reference")
    assert read() == "reference"


def test_threads(bare: pytest.MonkeyPatch) -> None:
    assert settings.num_threads() is None
    bare.setenv("OSSIA_THREADS", "")
    assert settings.num_threads() is None
    for value in (1, 7, 1024):
        bare.setenv("OSSIA_THREADS", str(value))
        assert settings.num_threads() == value


@pytest.mark.parametrize("wrong", ["0", "1025", "-1", "+2", "2.5", "two", " 2", "²", "٢", "9" * 99])
def test_a_wrong_number_of_threads_is_refused(bare: pytest.MonkeyPatch, wrong: str) -> None:
    bare.setenv("OSSIA_THREADS", wrong)
    with pytest.raises(
        InputError, match=r"^OSSIA_THREADS is '.{1,40}; expected a number from 1 to"
    ):
        settings.num_threads()


def test_weights(bare: pytest.MonkeyPatch) -> None:
    assert settings.weights() == "packed"
    bare.setenv("OSSIA_WEIGHTS", "")
    assert settings.weights() == "packed"
    for value in ("packed", "memory", "released"):
        bare.setenv("OSSIA_WEIGHTS", value)
        assert settings.weights() == value
    for wrong in ("Packed", "mapped", "packed ", "x" * 99):
        bare.setenv("OSSIA_WEIGHTS", wrong)
        with pytest.raises(InputError, match=r"^OSSIA_WEIGHTS is '.*; expected packed, memory or"):
            settings.weights()


def test_cache(bare: pytest.MonkeyPatch) -> None:
    assert settings.cache_bytes() == 10_000_000_000
    for value, expected in (("", 10**10), ("0", 0), ("2.5", 2_500_000_000), ("100000", 10**14)):
        bare.setenv("OSSIA_CACHE_GB", value)
        assert settings.cache_bytes() == expected
    for wrong in ("-1", "10GB", "1e3", "nan", "100001", "1.", " 1", "²", "٢", "9" * 99):
        bare.setenv("OSSIA_CACHE_GB", wrong)
        with pytest.raises(InputError, match=r"^OSSIA_CACHE_GB is '.{1,40}; expected a number of"):
            settings.cache_bytes()


def test_date(bare: pytest.MonkeyPatch) -> None:
    assert settings.current_date() is None
    bare.setenv("OSSIA_DATE", "2025-08-05")
    assert settings.current_date() == "2025-08-05"


@pytest.mark.parametrize("wrong", ["today", "2025-13-01", "05.08.2025", "2025-08-05<|end|>"])
def test_a_wrong_date_is_refused(bare: pytest.MonkeyPatch, wrong: str) -> None:
    bare.setenv("OSSIA_DATE", wrong)
    with pytest.raises(InputError, match="expected a date such as"):
        settings.current_date()


@pytest.mark.parametrize(
    ("value", "is_on"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_debug(bare: pytest.MonkeyPatch, value: str | None, is_on: bool) -> None:
    if value is not None:
        bare.setenv("OSSIA_DEBUG", value)
    assert settings.is_debug() is is_on


def test_color_and_terminal(bare: pytest.MonkeyPatch) -> None:
    assert not settings.is_color_refused()
    assert settings.is_dumb_terminal()
    bare.setenv("NO_COLOR", "1")
    bare.setenv("TERM", "xterm")
    assert settings.is_color_refused()
    assert not settings.is_dumb_terminal()
    bare.setenv("TERM", "dumb")
    assert settings.is_dumb_terminal()


def test_every_variable_is_named_in_its_function() -> None:
    for name, function in inspect.getmembers(settings, inspect.isfunction):
        if function.__module__ == settings.__name__ and not name.startswith("_"):
            assert NAMES.match(function.__doc__ or ""), name


def test_the_hub_that_is_asked(bare: pytest.MonkeyPatch) -> None:
    assert settings.hugging_face_endpoint() == "https://huggingface.co"
    for value in ("https://mirror.example/hf", "http://127.0.0.1:8080"):
        bare.setenv("HF_ENDPOINT", f"{value}/")
        assert settings.hugging_face_endpoint() == value
    bare.setenv("HF_ENDPOINT", "")
    assert settings.hugging_face_endpoint() == "https://huggingface.co"


@pytest.mark.parametrize(
    "wrong",
    [
        "huggingface.co",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x/?a",
        "https://x/a b",
        "x",
    ],
)
def test_what_is_no_hub_is_refused(bare: pytest.MonkeyPatch, wrong: str) -> None:
    bare.setenv("HF_ENDPOINT", wrong)
    with pytest.raises(InputError, match=r"^HF_ENDPOINT is .*; expected an address such as"):
        settings.hugging_face_endpoint()


def test_the_token(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("HF_HOME", str(tmp_path))
    assert settings.hugging_face_token() is None
    (tmp_path / "token").write_text("hf_logged_in\n")
    assert settings.hugging_face_token() == "hf_logged_in"
    (tmp_path / "other").write_text("")
    bare.setenv("HF_TOKEN_PATH", str(tmp_path / "other"))
    assert settings.hugging_face_token() is None
    bare.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old")
    assert settings.hugging_face_token() == "hf_old"
    bare.setenv("HF_TOKEN", " hf_mine ")
    assert settings.hugging_face_token() == "hf_mine"


@pytest.mark.parametrize("wrong", ["t k", "hf\nX-Evil: 1", "hf\x7f", "é"])
def test_a_token_that_would_break_a_request(bare: pytest.MonkeyPatch, wrong: str) -> None:
    bare.setenv("HF_TOKEN", wrong)
    with pytest.raises(InputError, match="has characters that no token has") as caught:
        settings.hugging_face_token()
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("variable", ["OSSIA_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline(bare: pytest.MonkeyPatch, variable: str) -> None:
    assert not settings.is_offline()
    for value in ("", "0", "no", "Off", "FALSE"):
        bare.setenv(variable, value)
        assert not settings.is_offline()
    for value in ("1", "yes", "TRUE", "on", "anything"):
        bare.setenv(variable, value)
        assert settings.is_offline()


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", ("127.0.0.1", 11434)),
        ("0.0.0.0", ("0.0.0.0", 11434)),
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("[::1]", ("::1", 11434)),
        ("[::1]:80", ("::1", 80)),
        ("box.local:65535", ("box.local", 65535)),
    ],
)
def test_where_the_server_is(bare: pytest.MonkeyPatch, value: str, address: tuple) -> None:
    bare.setenv("OSSIA_HOST", value)
    assert settings.server() == address


@pytest.mark.parametrize("value", ["http://a", "a:b", "a:65536", "a:٣", "::1", "a b", "[x]", "a\n"])
def test_what_is_no_address_is_refused(bare: pytest.MonkeyPatch, value: str) -> None:
    bare.setenv("OSSIA_HOST", value)
    with pytest.raises(InputError, match="OSSIA_HOST"):
        settings.server()


def test_the_key_for_a_server(bare: pytest.MonkeyPatch) -> None:
    assert settings.api_key() is None
    bare.setenv("OSSIA_API_KEY", " ossia-abc\n")
    assert settings.api_key() == "ossia-abc"
    bare.setenv("OSSIA_API_KEY", "a\r\nhost: b")
    with pytest.raises(InputError, match="OSSIA_API_KEY"):
        settings.api_key()


def test_search_engines_and_their_keys(bare: pytest.MonkeyPatch) -> None:
    assert settings.search_engine() is None
    assert settings.searxng() is None
    bare.setenv("OSSIA_SEARCH", "Brave")
    bare.setenv("OSSIA_SEARXNG", "http://127.0.0.1:8888/")
    assert settings.search_engine() == "brave"
    assert settings.searxng() == "http://127.0.0.1:8888"
    keys = {
        "BRAVE_API_KEY": settings.brave_key,
        "EXA_API_KEY": settings.exa_key,
        "TAVILY_API_KEY": settings.tavily_key,
        "YDC_API_KEY": settings.you_key,
    }
    for name, key in keys.items():
        assert key() is None
        bare.setenv(name, " abc\n")
        assert key() == "abc"
        bare.setenv(name, "a b")
        with pytest.raises(InputError, match=name):
            key()


@pytest.mark.parametrize(
    ("name", "value", "function"),
    [
        ("OSSIA_SEARCH", "altavista", settings.search_engine),
        ("OSSIA_SEARXNG", "localhost:8888", settings.searxng),
        ("OSSIA_SEARXNG", "https://user@host", settings.searxng),
        ("OSSIA_PRIVATE_HOSTS", "10.0.0.0/99", settings.private_hosts),
        ("OSSIA_PRIVATE_HOSTS", "http://nas.local", settings.private_hosts),
    ],
)
def test_what_is_no_engine_and_no_network_is_refused(
    bare: pytest.MonkeyPatch, name: str, value: str, function: Callable[[], object]
) -> None:
    bare.setenv(name, value)
    with pytest.raises(InputError, match=name):
        function()


def test_hosts_of_the_own_network(bare: pytest.MonkeyPatch) -> None:
    assert settings.private_hosts() == frozenset()
    bare.setenv("OSSIA_PRIVATE_HOSTS", " NAS.local, 127.0.0.1:8000 ,192.168.1.0/24,,[::1]:80")
    wanted = {"nas.local", "127.0.0.1:8000", "192.168.1.0/24", "[::1]:80"}
    assert settings.private_hosts() == wanted
