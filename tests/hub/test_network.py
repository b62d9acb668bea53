"""The one door: where the token goes, what is waited for, and that there is no other."""

import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.hub.hub_server import TOKEN, Fault, Hub, serving

import ossia
from ossia.base.errors import NetworkError
from ossia.hub import network
from ossia.hub.network import PassingError, Patience, RefusedError, open_url

SOURCE = Path(ossia.__file__).parent
QUICK = Patience(first=0.001, longest=0.01)
FILES = {"config.json": b"{}" * 50, "x.safetensors": bytes(range(256)) * 40}


@pytest.fixture
def place(hub: Hub) -> str:
    hub.add("a/b", FILES)
    return f"{hub.endpoint}/a/b/resolve/main/x.safetensors"


def test_nothing_else_opens_a_connection() -> None:
    ways = r"^\s*(?:from|import) (?:urllib\.request|http\.client|socket|ssl|httpx\w*|requests"
    ways += r"|aiohttp|huggingface_hub|urllib3)\b"
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(ways, path.read_text("utf-8"), re.MULTILINE)
    }
    faces = {user for user in users if user.startswith(("server/", "cli/"))}  # they listen
    # Tools go out for the model, each by a policy of its own, and no other room asks the network.
    faces |= {user for user in users if user.startswith(("tools/browser/", "tools/mcp/"))}
    faces |= {"tools/python/session.py", "tools/python/guest/warden.py"}  # speak with each other
    assert users - faces == {"hub/network.py", "hub/transfer.py", "hub/repository.py"}
    for user in ("transfer", "repository"):
        text = (SOURCE / "hub" / f"{user}.py").read_text("utf-8")
        assert re.findall(ways, text, re.MULTILINE) == ["from http.client"]
        assert "from http.client import HTTPException\n" in text  # an error, no connection


def test_ranges_come_from_the_second_host(hub: Hub, place: str) -> None:
    with open_url(place, (10, 19)) as response:
        assert response.status == 206
        assert response.read() == FILES["x.safetensors"][10:20]
        assert response.url.startswith(hub.storage)
    with open_url(place.replace("x.safetensors", "config.json")) as response:
        assert response.read() == FILES["config.json"]
        assert response.url.startswith(hub.endpoint)


def test_the_token_goes_to_the_hub_alone(
    hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    open_url(place).close()
    open_url(place.replace("x.safetensors", "config.json")).close()
    (asked,) = hub.asked_for("storage")
    assert TOKEN not in f"{asked.path} {asked.headers}"
    sent = [asked.headers.get("Authorization") for asked in hub.asked_for("hub")]
    assert sent == [f"Bearer {TOKEN}"] * 3  # also after a redirect within the hub


def test_without_a_token_none_is_sent(hub: Hub, place: str) -> None:
    open_url(place).close()
    assert all("Authorization" not in asked.headers for asked in hub.asked)


@pytest.mark.parametrize("variable", ["OSSIA_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked(
    hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(NetworkError, match="the network is forbidden here"):
        open_url(place)
    assert hub.asked == []
    monkeypatch.setenv(variable, "0")
    open_url(place).close()


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://x/y", "data:,x", "gopher://x"])
def test_a_redirect_to_another_scheme_is_refused(hub: Hub, place: str, where: str) -> None:
    hub.faults.append(Fault("elsewhere", host="hub", value=where))
    with pytest.raises(NetworkError, match="which is not https"):
        open_url(place)


def test_plain_http_only_where_it_is_asked_for(
    hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    with pytest.raises(NetworkError, match="which is not https"):
        open_url(place)
    assert hub.asked == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One that nobody vouches for."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate")
    path = tmp_path / "certificate.pem"
    names = "subjectAltName=IP:127.0.0.1"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=hub", "-addext", names, "-keyout", path, "-out", tmp_path / "c"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "c").read_bytes())
    return path


def test_who_does_not_prove_who_it_is_is_not_asked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(certificate) as hub:
        hub.add("a/b", FILES)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        place = f"{hub.endpoint}/a/b/resolve/main/x.safetensors"
        with pytest.raises(NetworkError, match=r"^127\.0\.0\.1 does not prove who it is"):
            open_url(place)
        assert hub.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        network._tls.cache_clear()
        try:
            with open_url(place) as response:
                assert response.read() == FILES["x.safetensors"]
        finally:
            network._tls.cache_clear()
        assert TOKEN not in str(hub.asked_for("storage"))


def test_redirects_without_an_end(hub: Hub, place: str) -> None:
    hub.faults.append(Fault("elsewhere", host="hub", times=-1, value=place))
    with pytest.raises(PassingError, match="redirects without an end"):
        open_url(place)


def test_an_address_that_is_too_old_may_be_asked_for_anew(hub: Hub, place: str) -> None:
    with open_url(place) as response:
        old = response.url
    hub.era += 1
    with pytest.raises(PassingError, match=r"refuses what the hub led to \(403\)"):
        open_url(old)
    open_url(place).close()


def test_refusals_say_why(hub: Hub, place: str) -> None:
    with pytest.raises(RefusedError) as caught:
        open_url(place.replace("x.safetensors", "missing"))
    assert (caught.value.status, caught.value.code) == (404, "EntryNotFound")
    hub.faults.append(Fault("status", host="hub", status=418))
    with pytest.raises(RefusedError, match="418"):
        open_url(place)


def test_what_cannot_be_reached(hub: Hub, place: str) -> None:
    hub.close()
    with pytest.raises(PassingError, match=r"127.0.0.1 cannot be reached: Connection refused"):
        open_url(place)


def test_a_hub_that_hangs_up(hub: Hub, place: str) -> None:
    hub.faults.append(Fault("drop"))
    with pytest.raises(PassingError, match=r"127\.0\.0\.1 cannot be reached"):
        open_url(place)


def test_a_hub_that_says_nothing(hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TIMEOUT", 0.1)
    hub.faults.append(Fault("mute", value=0.5))
    with pytest.raises(PassingError, match="does not answer"):
        open_url(place)


def test_packed_answers_are_wrong(hub: Hub, place: str) -> None:
    hub.faults.append(Fault("encoding"))
    with pytest.raises(PassingError, match="another encoding") as caught:
        open_url(place)
    assert caught.value.is_wrong


def soon(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"Retry-After": "17"}, 17, 17),
        ({"Retry-After": "SOON"}, 60, 90),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0, 0),
        ({"RateLimit": '"api";r=0;t=55'}, 55, 55),
        ({"Retry-After": "3", "RateLimit": '"api";r=0;t=55'}, 3, 3),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_a_hub_asks_to_wait(
    hub: Hub, place: str, headers: dict[str, str], low: float, high: float, status: int
) -> None:
    # A moment counts from when the test runs, not from when it was collected.
    headers = {name: soon(90) if value == "SOON" else value for name, value in headers.items()}
    hub.faults.append(Fault("status", host="hub", status=status, headers=headers))
    with pytest.raises(PassingError, match=rf"busy or broken \({status}\)") as caught:
        open_url(place)
    assert caught.value.wait is not None
    assert low <= caught.value.wait <= high


@pytest.mark.parametrize("value", ["", "soon", "-5", "²", "Thu, 99 Jan"])
def test_an_unreadable_wait_is_none(hub: Hub, place: str, value: str) -> None:
    headers = {"Retry-After": value.encode().decode("latin-1")}
    hub.faults.append(Fault("status", host="hub", headers=headers))
    with pytest.raises(PassingError) as caught:
        open_url(place)
    assert caught.value.wait is None


def test_patience_doubles_and_ends() -> None:
    patience = Patience(attempts=6, first=1, longest=5)
    cut = PassingError("cut")
    for failures, longest in ((1, 1), (2, 2), (3, 4), (4, 5), (5, 5)):
        delays = {patience.delay(failures, cut) for _ in range(50)}
        assert all(longest / 2 <= delay <= longest for delay in delays)
        assert len(delays) > 1  # by chance
    with pytest.raises(NetworkError, match=r"^cut \(tried 6 times\)$"):
        patience.delay(6, cut)


def test_patience_does_as_it_is_asked_within_reason() -> None:
    patience = Patience(first=1, longest_asked=60)
    assert 30 <= patience.delay(1, PassingError("busy", 30)) <= 31
    with pytest.raises(NetworkError, match=r"busy \(tried once; it asks to come back in 3,600 s"):
        patience.delay(1, PassingError("busy", 3600))
    with pytest.raises(NetworkError, match="tried 3 times"):
        patience.delay(3, PassingError("wrong", is_wrong=True))


def test_trying_again_goes_on_until_it_works(hub: Hub, place: str) -> None:
    hub.faults.append(Fault("status", times=3))
    with QUICK.keep_trying(lambda: open_url(place)) as response:
        assert response.read() == FILES["x.safetensors"]
    hub.faults.append(Fault("status", headers={"Retry-After": "1"}))
    before = time.monotonic()
    QUICK.keep_trying(lambda: open_url(place)).close()
    assert time.monotonic() - before >= 1
    hub.faults.append(Fault("status", times=-1))
    with pytest.raises(NetworkError, match="tried 8 times"):
        QUICK.keep_trying(lambda: open_url(place))
