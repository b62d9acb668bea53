"""No address leads to this machine or its network: a table of attempts against a real server.

The server listens on every address of this machine and records whoever connects. That it would
record is shown first.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest
from tests.tools.browser.internet import PUBLIC, Internet, running

from ossia.base.errors import InputError, NetworkError, OssiaError
from ossia.tools import Call
from ossia.tools.browser import BrowserTool, Fetcher, Guard
from ossia.tools.browser.fetch import Fetched, Moved
from ossia.tools.browser.guard import _is_own, is_public

ATTEMPTS = """
http://127.0.0.1:{p}/
http://127.1:{p}/
http://127.0.1:{p}/
http://127.127.127.127:{p}/
http://2130706433:{p}/
http://4294967297:{p}/
http://017700000001:{p}/
http://0177.0.0.1:{p}/
http://0177.0.0.0x1:{p}/
http://00000177.0.0.1:{p}/
http://0x7f.0.0.1:{p}/
http://0x7f.1:{p}/
http://0x7f000001:{p}/
http://0X7F000001:{p}/
http://127.0.0.1.:{p}/
http://0:{p}/
http://0.0.0.0:{p}/
http://0x0:{p}/
http://[::1]:{p}/
http://[::]:{p}/
http://[0:0:0:0:0:0:0:1]:{p}/
http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}/
http://[::ffff:127.0.0.1]:{p}/
http://[::ffff:7f00:1]:{p}/
http://[0:0:0:0:0:ffff:127.0.0.1]:{p}/
http://[::127.0.0.1]:{p}/
http://[::ffff:0:127.0.0.1]:{p}/
http://[64:ff9b::127.0.0.1]:{p}/
http://[64:ff9b::7f00:1]:{p}/
http://[64:ff9b:1::7f00:1]:{p}/
http://[2002:7f00:1::]:{p}/
http://[2001:0:7f00:1::]:{p}/
http://[fe80::1]:{p}/
http://[fe80::1%25lo]:{p}/
http://[::1%25lo]:{p}/
http://[fc00::1]:{p}/
http://[fd00:ec2::254]:{p}/latest/meta-data/
http://[fec0::1]:{p}/
http://[ff02::1]:{p}/
http://[3fff::1]:{p}/
http://169.254.169.254:{p}/latest/meta-data/
http://2852039166:{p}/
http://0xa9fea9fe:{p}/
http://[::ffff:169.254.169.254]:{p}/
http://168.63.129.16:{p}/
http://100.100.100.200:{p}/
http://192.0.0.192:{p}/
http://10.0.0.1:{p}/
http://012.0.0.1:{p}/
http://172.16.0.1:{p}/
http://192.168.0.1:{p}/
http://3232235521:{p}/
http://100.64.0.1:{p}/
http://198.18.0.1:{p}/
http://192.88.99.1:{p}/
http://224.0.0.1:{p}/
http://240.0.0.1:{p}/
http://255.255.255.255:{p}/
http://localhost:{p}/
http://LOCALHOST:{p}/
http://LocalHost.:{p}/
http://localhost.localdomain:{p}/
http://ip6-localhost:{p}/
http://private.test:{p}/
http://PRIVATE.test.:{p}/
http://127.0.0.1.nip.io:{p}/
http://mixed.test:{p}/
http://mapped.test:{p}/
http://six.test:{p}/
http://１２７.０.０.１:{p}/
http://①②⑦.⓪.⓪.①:{p}/
http://127。0。0。1:{p}/
http://127．0．0．1:{p}/
http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/
http://ｌｏｃａｌｈｏｓｔ:{p}/
http://loc\u00adalhost:{p}/
http://xn--localhost-:{p}/
http://%31%32%37.0.0.1:{p}/
http://127.0.0.1%2f.public.test:{p}/
http://127.0.0.1%00.public.test:{p}/
http://127.0.0.1\x00.public.test:{p}/
http://localhost%23.public.test:{p}/
http://user:pass@127.0.0.1:{p}/
http://user@public.test:{p}/
http://:pass@public.test:{p}/
http://public.test:80@127.0.0.1:{p}/
http://public.test@127.0.0.1:{p}/
http://127.0.0.1:{p}#@public.test/
http://127.0.0.1:{p}?@public.test/
http://127.0.0.1:{p}\\@public.test/
http://public.test\\@127.0.0.1:{p}/
http://public.test:{p}:80@127.0.0.1:{p}/
http://public.test,127.0.0.1:{p}/
http://public.test 127.0.0.1:{p}/
http://public.test\t@127.0.0.1:{p}/
http://127.0.0.1:{p}\r\nHost: public.test/
http://127.0.0.1:0{p}/
http:127.0.0.1:{p}/
http:/127.0.0.1:{p}/
http:///127.0.0.1:{p}/
http:////127.0.0.1:{p}/
HTTP://127.0.0.1:{p}/
hTTp://[::1]:{p}/
//127.0.0.1:{p}/
https://127.0.0.1:{p}/
127.0.0.1:{p}/
localhost:{p}
view-source:http://127.0.0.1:{p}/
view-source:view-source:http://127.0.0.1:{p}/
file:///etc/passwd
file://localhost/etc/passwd
file://127.0.0.1:{p}/
FILE:///etc/passwd
/etc/passwd
ftp://127.0.0.1:{p}/
gopher://127.0.0.1:{p}/_GET%20/
dict://127.0.0.1:{p}/info
ldap://127.0.0.1:{p}/
ws://127.0.0.1:{p}/
jar:http://127.0.0.1:{p}/!/
unix:///var/run/docker.sock
http+unix://%2fvar%2frun%2fdocker.sock/
data:text/html,hello
javascript:fetch('http://127.0.0.1:{p}/')
about:blank
http://public.test:22/
http://public.test:25/
http://public.test:6379/
http://public.test:11434/
http://public.test:99999/
http://public.test:-1/
http://
http://:{p}/
http://[/
http://[::1:{p}/
""".strip("\n").split("\n")

REDIRECTS = [attempt for attempt in ATTEMPTS if "\r" not in attempt and attempt.startswith("http")]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with running(monkeypatch) as net:
        net.names |= {
            "private.test": [["127.0.0.1"]],
            "PRIVATE.test.": [["127.0.0.1"]],
            "private.test.": [["127.0.0.1"]],
            "127.0.0.1.nip.io": [["127.0.0.1"]],
            "mixed.test": [[PUBLIC, "127.0.0.1"]],
            "mapped.test": [["::ffff:127.0.0.1"]],
            "six.test": [["::1"]],
            "www.public.test": [["127.0.0.1"]],
        }
        net.page("/", "<title>Home</title>hello")
        yield net


def fetch(url: str, *allowed: str) -> Fetched | Moved:
    return asyncio.run(Fetcher(Guard(frozenset(allowed)), max_seconds=20).fetch(url))


def test_what_is_allowed_is_reached_and_recorded(net: Internet) -> None:
    public = fetch(f"http://public.test:{net.port}/")
    assert isinstance(public, Fetched)
    assert public.document.title == "Home"
    assert net.connected == [PUBLIC]
    for url, allowed in (
        (f"http://127.0.0.1:{net.port}/", "127.0.0.1"),
        (f"http://0x7f.1:{net.port}/", f"127.0.0.1:{net.port}"),
        (f"http://localhost:{net.port}/", "localhost"),
        (f"http://127.0.0.3:{net.port}/", "127.0.0.0/8"),
        (f"http://private.test:{net.port}/", "private.test"),
        (f"http://private.test:{net.port}/", "127.0.0.1"),
    ):
        before = len(net.private)
        assert isinstance(fetch(url, allowed), Fetched)
        assert len(net.private) == before + 1, "else the table below would prove nothing"


@pytest.mark.parametrize("url", ATTEMPTS)
def test_no_address_leads_within(net: Internet, url: str) -> None:
    url = url.replace("{p}", str(net.port))
    with pytest.raises((InputError, NetworkError)):
        fetch(url)
    tool = BrowserTool(fetcher=Fetcher(max_seconds=20))
    result = asyncio.run(tool.call(Call("browser.open", json.dumps({"id": url}))))
    assert result.is_error
    assert net.connected == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("url", REDIRECTS[::7])
def test_no_redirect_leads_within(net: Internet, url: str, status: int) -> None:
    net.redirect("/", url.replace("{p}", str(net.port)), status)
    with_chain = f"http://public.test:{net.port}/0"
    for step in range(3):
        net.redirect(f"/{step}", f"/{step + 1}" if step < 2 else "/", status)
    tool = BrowserTool(fetcher=Fetcher(max_seconds=20))

    async def follow() -> None:
        call = Call("browser.open", json.dumps({"id": with_chain}))
        for _ in range(3):  # mended addresses may lead to the public host again, in a circle
            await tool.call(call)
            call = Call("browser.open", '{"id": 0}')

    asyncio.run(follow())
    assert len(net.asked) >= 4, "the chain was followed to its end"
    assert net.private == []


def test_a_redirect_to_another_host_is_told_and_not_followed(net: Internet) -> None:
    net.redirect("/away", f"http://other.test:{net.port}/")
    moved = fetch(f"http://public.test:{net.port}/away")
    assert moved == Moved(f"http://other.test:{net.port}/")
    assert [host for _, host in net.asked] == [f"public.test:{net.port}"]


def test_www_is_the_same_host_and_guarded_too(net: Internet) -> None:
    net.redirect("/away", f"http://www.public.test:{net.port}/")
    with pytest.raises(NetworkError, match="private network"):
        fetch(f"http://public.test:{net.port}/away")
    net.names["www.public.test"] = [[PUBLIC]]
    assert isinstance(fetch(f"http://public.test:{net.port}/away"), Fetched)
    assert net.private == []


def test_redirects_end(net: Internet) -> None:
    net.redirect("/", "/")
    with pytest.raises(NetworkError, match="redirects without an end"):
        fetch(f"http://public.test:{net.port}/")


@pytest.mark.parametrize(
    "answers", [[[PUBLIC], ["127.0.0.1"]], [[PUBLIC], ["::1"]], [[PUBLIC], [PUBLIC], ["127.0.0.1"]]]
)
def test_a_name_that_changes_is_looked_up_once(net: Internet, answers: list[list[str]]) -> None:
    """Rebinding: the second answer is for whoever looks up again when it connects."""
    net.names["rebind.test"] = [list(each) for each in answers]
    found = fetch(f"http://rebind.test:{net.port}/")
    assert isinstance(found, Fetched)
    assert net.looked_up == ["rebind.test"]
    assert net.connected == [PUBLIC]
    assert net.asked == [("/", f"rebind.test:{net.port}")], "the server is told the name"


def test_a_name_that_changes_between_redirects_is_refused(net: Internet) -> None:
    net.names["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    net.redirect("/again", "/")
    with pytest.raises(NetworkError, match="private network"):
        fetch(f"http://rebind.test:{net.port}/again")
    assert net.connected == [PUBLIC]


def test_proxies_of_the_environment_are_not_gone_through(
    net: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{net.port}")
    assert isinstance(fetch(f"http://public.test:{net.port}/"), Fetched)
    assert net.private == []


PRIVATE = re.findall(
    r"\S+",
    """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.255.255 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
168.63.129.16 192.88.99.1 :: ::1 ::7f00:1 ::ffff:10.0.0.1 ::ffff:0:1.1.1.1 64:ff9b::a00:1
64:ff9b:1::1 100::1 2001::1 2001:db8::1 2001:10::1 2002:a00:1:: 2002:808:808:: 3fff::1 fc00::1
fdff::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1 fe80::1%eth0 4000::1 rubbish
""",
)
GLOBAL = re.findall(
    r"\S+",
    """
1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.0 172.32.0.1 198.17.255.255 223.255.255.254
2606:4700:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808
""",
)


@pytest.mark.parametrize("number", PRIVATE)
def test_numbers_of_machines_networks_and_protocols_are_not_public(number: str) -> None:
    assert not is_public(number)


@pytest.mark.parametrize("number", GLOBAL)
def test_numbers_of_the_internet_are_public(number: str) -> None:
    assert is_public(number)
    assert ip_address(number)


def test_this_machines_own_numbers_are_known() -> None:
    assert _is_own("127.0.0.1", 80)
    assert not _is_own("192.0.2.1", 80)


def certificate(folder: Path, name: str) -> SSLContext:
    """A certificate of a name, and what trusts it in ``folder/ca.pem``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    own = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "own.pem").write_bytes(own + pem)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    return context


def test_certificates_are_checked_against_the_name_although_a_number_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certificate(tmp_path, "public.test")
    told: list[str | None] = []
    context.sni_callback = lambda _, name, __: told.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with running(monkeypatch, context) as net:
        net.page("/", "<title>Safe</title>hello")
        found = fetch(f"https://public.test:{net.port}/")
        assert isinstance(found, Fetched)
        assert found.document.title == "Safe"
        assert told == ["public.test"]
        with pytest.raises(NetworkError, match=r"[Hh]ostname mismatch|certificate"):
            fetch(f"https://other.test:{net.port}/")
        assert net.private == []


def test_refusals_say_what_is_wrong(net: Internet) -> None:
    for url, message in (
        (f"http://127.0.0.1:{net.port}/", "OSSIA_PRIVATE_HOSTS"),
        ("ftp://e.org/", "only http and https"),
        ("http://u:p@e.org/", "name or password"),
        ("http://e.org:25/", "port 25"),
        ("http://nowhere.invalid/", "cannot be found"),
        ("not an address", "is no address"),
    ):
        with pytest.raises(OssiaError, match=message):
            fetch(url)
