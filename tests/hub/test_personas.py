"""Names that the user gave: files written, read, and refused."""

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.base.errors import InputError
from ossia.hub import OwnName, Persona
from ossia.hub.personas import (
    find_persona,
    forget,
    keep,
    moved,
    path_of,
    personas,
    put,
    read_persona,
    to_toml,
)

PIRATE = Persona("openai/gpt-oss-20b", 'Arr.\n""" 안녕 \\', "low", {"temperature": 0.7, "top_k": 3})
NAME = OwnName("pirate")

texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=60)
numbers = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False)


@given(
    texts | st.none(), st.none() | st.sampled_from(["low", "high"]), st.dictionaries(texts, numbers)
)
def test_what_is_written_is_read(tmp_path_factory, system, effort, settings) -> None:
    path = tmp_path_factory.mktemp("names") / "x.toml"
    persona = Persona("nano", system, effort, settings)
    path.write_bytes(to_toml(persona).encode())
    assert read_persona(path) == persona


def test_a_name_is_kept_found_listed_and_forgotten(home: Path) -> None:
    assert find_persona(NAME) is None
    keep(NAME, PIRATE)
    assert path_of(NAME) == home / "names" / "pirate.toml"
    assert find_persona(NAME) == PIRATE
    with pytest.raises(InputError, match="is a name already"):
        keep(NAME, Persona("nano"))
    keep(OwnName("a:b"), Persona("nano"))
    assert list(personas()) == [(OwnName("a:b"), Persona("nano")), (NAME, PIRATE)]
    forget(NAME)
    assert find_persona(NAME) is None
    with pytest.raises(InputError, match="nothing here is called pirate"):
        forget(NAME)


def test_of_two_that_give_a_name_at_once_one_does() -> None:
    def give(number: int) -> bool:
        try:
            keep(NAME, Persona("nano", str(number)))
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(give, range(8)))
    assert given.count(True) == 1
    assert find_persona(NAME) == Persona("nano", str(given.index(True)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = \n", "line 1"),
        ("", "no model"),
        ('model = "gpt4"', "expected nano, ORG/NAME or a path"),
        ('model = "../x"', "is a path"),
        ('model = "a\\u0000b"', "control character"),
        ("model = 3", "expected text"),
        ('model = "nano"\ntemperature = 1', "it has 'temperature'"),
        ('model = "nano"\n[settings]\ntemperature = "hot"', "expected a number"),
        ('model = "nano"\n[settings]\ntop_k = true', "expected a number"),
        ('model = "nano"\nsettings = 3', "no table"),
        ('model = "nano"\nmodel = "nano"\n', "line 2"),
        ('model = "nano"\nsystem = ["a"]', "expected text"),
        ("x = " + "[" * 5000, "no persona"),
        ('model = "nano"\nsystem = "' + "a" * (1 << 20) + '"', "larger than 1 MiB"),
        (b'model = "\xff"', "no persona"),
    ],
)
def test_a_file_that_is_edited_badly_is_one_line(home: Path, text: str | bytes, said: str) -> None:
    path = home / "names" / "bad.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=said) as caught:
        find_persona(OwnName("bad"))
    assert str(caught.value).startswith(f"{path}: no persona")
    assert "\n" not in str(caught.value)
    ((_, error),) = personas()
    assert isinstance(error, InputError)
    forget(OwnName("bad"))


def test_what_is_no_file_is_refused(home: Path) -> None:
    (home / "names" / "pirate.toml").mkdir(parents=True)
    with pytest.raises(InputError, match="no such file"):
        find_persona(NAME)
    (home / "names" / "b.toml").symlink_to(home / "nowhere")
    with pytest.raises(InputError, match="no such file"):
        find_persona(OwnName("b"))


def test_a_persona_from_another_changes_what_is_given() -> None:
    assert moved(PIRATE, system=None, effort="high", settings={"top_k": 5}) == Persona(
        PIRATE.model, PIRATE.system, "high", {"temperature": 0.7, "top_k": 5}
    )
    assert not PIRATE.is_plain
    assert Persona("nano").is_plain


def test_a_full_disk_leaves_no_name(home: Path) -> None:
    code = f"""
import resource, signal
from ossia.base.errors import ResourceError
from ossia.hub import OwnName, Persona
from ossia.hub.personas import keep
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, {resource.RLIM_INFINITY}))
try:
    keep(OwnName("pirate"), Persona("nano", "x" * 100))
except ResourceError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no room left" in done.stdout
    assert [path.name for path in (home / "names").iterdir()] == [".lock"]


def test_a_name_can_be_put_again_with_its_tools() -> None:
    name = OwnName("reader")
    put(name, Persona("nano", system="Read.", tools=("browser", "python")))
    assert find_persona(name) == Persona("nano", system="Read.", tools=("browser", "python"))
    put(name, Persona("nano"))
    assert find_persona(name) == Persona("nano")


@pytest.mark.parametrize("tools", ['"browser"', "[1]", "{}"])
def test_tools_are_a_list_of_names(tmp_path: Path, tools: str) -> None:
    path = tmp_path / "reader.toml"
    path.write_text(f'model = "nano"\ntools = {tools}\n')
    with pytest.raises(InputError, match="tools is no list of names"):
        read_persona(path)
