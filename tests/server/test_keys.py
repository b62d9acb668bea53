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
    assert keys.is_known(first)
    assert not keys.is_known(first + "x")
    assert not keys.is_known("")
    keys.revoke("laptop")
    assert not keys.is_known(first)
    assert keys.is_known(second)
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


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"name": 1}]', "\x00"])
def test_a_damaged_file_is_one_clear_line_and_lets_nobody_in(home, text: str) -> None:
    (home / "keys.json").write_text(text)
    with pytest.raises(InputError, match=r"keys\.json cannot be read"):
        keys.is_known("x")


def test_a_folder_that_cannot_be_written_is_said_so(home, monkeypatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("OSSIA_HOME", str(home / "file"))
    with pytest.raises((ResourceError, InputError)):
        keys.create("laptop")
