import json
import stat

import pytest

from ossia.base.errors import InputError, ResourceError
from ossia.server import keys


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_known_until_it_is_revoked() -> None:
    first, second = keys.create("laptop"), keys.create("office")
    assert first != second
    assert keys.key_of(first) == keys.read()[0]
    assert keys.key_of(first + "x") is None
    assert keys.key_of("") is None
    keys.revoke("laptop")
    assert keys.key_of(first) is None
    assert keys.key_of(second) == keys.read()[0]
    assert [key.name for key in keys.read()] == ["office"]


def test_what_is_kept_is_a_digest_for_its_owner_alone(home) -> None:
    secret = keys.create("laptop")
    path = home / "keys.json"
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_are_unique_and_not_empty() -> None:
    keys.create("laptop")
    for name in ("laptop", "", "  "):
        with pytest.raises(InputError, match="there is a key"):
            keys.create(name)
    with pytest.raises(InputError, match="there is no key 'desk'"):
        keys.revoke("desk")


def test_limits_are_kept_and_at_least_one() -> None:
    keys.create("laptop", at_once=2, per_minute=30)
    keys.create("office")
    assert [(key.at_once, key.per_minute) for key in keys.read()] == [(2, 30), (None, None)]
    for at_once, per_minute in ((0, None), (None, 0), (-1, 5)):
        with pytest.raises(InputError, match="one request at least"):
            keys.create("desk", at_once, per_minute)


def test_keys_of_before_there_were_limits_are_read(home) -> None:
    keys.create("laptop", per_minute=30)
    path = home / "keys.json"
    (kept,) = json.loads(path.read_text())
    del kept["at_once"], kept["per_minute"]
    path.write_text(json.dumps([kept]))
    assert [(key.at_once, key.per_minute) for key in keys.read()] == [(None, None)]


BROKEN = '[{"name": "a", "digest": "b", "created": 1, "at_once": %s}]'


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '[{"name": 1}]', "\x00", *(BROKEN % n for n in ("0", "true", '"5"', "-1"))],
)
def test_a_damaged_file_is_one_clear_line_and_lets_nobody_in(home, text: str) -> None:
    (home / "keys.json").write_text(text)
    with pytest.raises(InputError, match=r"keys\.json cannot be read"):
        keys.key_of("x")


def test_a_folder_that_cannot_be_written_is_said_so(home, monkeypatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("OSSIA_HOME", str(home / "file"))
    with pytest.raises((ResourceError, InputError)):
        keys.create("laptop")
