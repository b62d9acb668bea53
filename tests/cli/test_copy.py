"""``ossia cp``: a second name, and no byte copied."""

from pathlib import Path

from tests.cli.store import NAME, places, pull_nano


def test_a_second_name_runs_the_same_files(ossia, tmp_path: Path) -> None:
    home = places(tmp_path)
    folder = pull_nano(home)
    before = sorted(tmp_path.rglob("*.safetensors"))
    assert ossia("cp", NAME, "mine", env=home).stdout == f"mine is now a name of {NAME}\n"
    assert sorted(tmp_path.rglob("*.safetensors")) == before
    shown = ossia("show", "mine", env=home).stdout
    assert str(folder) in shown
    assert "apache-2.0" in shown
    assert ossia("run", "mine", "--temperature", "0", "27 + 58?", env=home).stdout.strip()


def test_a_persona_is_copied_whole(ossia, tmp_path: Path) -> None:
    home = places(tmp_path)
    ossia("create", "pirate", "--from", "nano", "--system", "Arr", env=home)
    assert ossia("cp", "pirate", "pirate:v2", env=home).returncode == 0
    first, second = (
        ossia("show", name, "--toml", env=home).stdout for name in ("pirate", "pirate:v2")
    )
    assert first == second
    assert "Arr" in first


def test_what_is_not_here_or_taken_is_refused(ossia, tmp_path: Path) -> None:
    home = places(tmp_path)
    for source, new, said in (
        ("gpt-oss:20b", "x", "ossia pull gpt-oss:20b (13.8 GB)"),
        ("nano", "gpt-oss:20b", "always means openai/gpt-oss-20b"),
        ("nano", "nano", "always means"),
        ("nano", "../x", "is a path"),
        ("nano", "a/b", "always means"),
    ):
        done = ossia("cp", source, new, env=home)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    assert ossia("cp", "nano", "x", env=home).returncode == 0
    assert "is a name already" in ossia("cp", "nano", "x", env=home).stderr
