"""``ossia create``: personas made, run, exported and made again."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.cli.store import places


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return places(tmp_path)


def create(ossia, home: dict[str, str], *arguments: str):
    return ossia("create", *arguments, env=home)


def test_made_exported_and_made_again(ossia, home: dict[str, str], tmp_path: Path) -> None:
    made = create(
        *(ossia, home, "pirate", "--from", "nano", "--system", "Say 'Arr'.\n\"Ahoy!\""),
        *("--effort", "low", "--set", "temperature=0.7", "--set", "top_k=5"),
    )
    assert made.stdout == "pirate is now a persona of nano: ossia run pirate\n"
    text = ossia("show", "pirate", "--toml", env=home).stdout
    assert tomllib.loads(text) == {
        "model": "nano",
        "system": "Say 'Arr'.\n\"Ahoy!\"",
        "effort": "low",
        "settings": {"temperature": 0.7, "top_k": 5},
    }
    (tmp_path / "pirate.toml").write_text(text)
    assert create(ossia, home, "again", "--from", str(tmp_path / "pirate.toml")).returncode == 0
    assert ossia("show", "again", "--toml", env=home).stdout == text
    assert create(ossia, home, "calm", "--from", "pirate", "--set", "temperature=0").returncode == 0
    calm = tomllib.loads(ossia("show", "calm", "--toml", env=home).stdout)
    assert calm["settings"] == {"temperature": 0.0, "top_k": 5}
    assert calm["effort"] == "low"
    shown = ossia("show", "calm", env=home).stdout
    assert "persona of" in shown
    assert "temperature 0, top_k 5" in shown


def test_the_tools_of_a_persona_are_kept_and_shown(ossia, home: dict[str, str], tmp_path) -> None:
    file = tmp_path / "reader.toml"
    file.write_text('model = "nano"\ntools = ["browser", "python"]\n')
    assert create(ossia, home, "reader", "--from", str(file)).returncode == 0
    shown = ossia("show", "reader", env=home).stdout
    assert "browser, python" in shown
    assert tomllib.loads(ossia("show", "reader", "--toml", env=home).stdout)["tools"] == [
        "browser",
        "python",
    ]
    file.write_text('model = "nano"\ntools = ["hammer"]\n')
    refused = create(ossia, home, "smith", "--from", str(file))
    assert refused.returncode != 0
    assert "no tool 'hammer'" in refused.stderr


def test_it_brings_its_sampling_and_flags_win(ossia, home: dict[str, str]) -> None:
    create(ossia, home, "cold", "--from", "nano", "--set", "temperature=0", "--set", "seed=5")
    create(ossia, home, "short", "--from", "cold", "--set", "max_tokens=3")

    def end_of(*arguments: str) -> dict:
        lines = ossia("run", *arguments, "--json", "What is 27 + 58?", env=home).stdout
        return json.loads(lines.splitlines()[-1])

    assert end_of("cold")["seed"] == 5
    assert end_of("cold", "--seed", "6")["seed"] == 6
    assert end_of("short")["usage"]["completion_tokens"] == 3
    assert end_of("short", "--max-tokens", "4")["usage"]["completion_tokens"] == 4


def test_a_model_that_is_not_here_yet_may_have_personas(ossia, home: dict[str, str]) -> None:
    assert create(ossia, home, "pirate", "--from", "gpt-oss:20b").returncode == 0
    done = ossia("run", "pirate", "hi", env=home)
    assert done.returncode == 2
    assert "ossia pull gpt-oss:20b (13.8 GB)" in done.stderr
    assert create(ossia, home, "loud", "--from", "pirate", "--effort", "high").returncode == 0
    assert 'effort = "high"' in ossia("show", "loud", "--toml", env=home).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nano", "--from", "nano"), "always means"),
        (("../x", "--from", "nano"), "is a path"),
        (("x", "--from", "nanno"), "did you mean nano"),
        (("x", "--from", "nano", "--effort", "big"), "expected low, medium, high"),
        (("x", "--from", "nano", "--set", "temperature"), "expected NAME=NUMBER"),
        (("x", "--from", "nano", "--set", "temperature=hot"), "expected NAME=NUMBER"),
        (("x", "--from", "nano", "--set", "temperature=-1"), "must be at least 0"),
        (("x", "--from", "nano", "--set", "temperature=nan"), "must be at least 0"),
        (("x", "--from", "nano", "--set", "heat=1"), "no setting 'heat'"),
        (("x", "--from", "nowhere.toml"), "no such file"),
    ],
)
def test_what_cannot_be_is_one_line_and_makes_nothing(
    ossia, home: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = create(ossia, home, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert not (Path(home["OSSIA_HOME"]) / "names" / "x.toml").exists()


def test_a_file_that_was_edited_badly_is_one_line(ossia, home: dict[str, str]) -> None:
    create(ossia, home, "pirate", "--from", "nano")
    path = Path(home["OSSIA_HOME"]) / "names" / "pirate.toml"
    for text in ("model = ", 'model = "nano"\n[settings]\ntop_p = 7'):
        path.write_text(text)
        for verb in (("run", "pirate", "hi"), ("show", "pirate"), ("show", "pirate", "--toml")):
            done = ossia(*verb, env=home)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1)
            assert "pirate.toml: " in done.stderr
