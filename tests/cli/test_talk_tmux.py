"""Talks in tmux, as a person sees them: the screen's text after keys were pressed."""

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
SECONDS = 90


class Tmux:
    """A terminal of its own server, which nobody else's sessions see."""

    def __init__(self, socket: str, command: str, environment: dict[str, str]) -> None:
        self.command = command
        self._environment = environment
        self._tmux = ["tmux", "-L", socket, "-f", "/dev/null"]

    def start(self, arguments: str, columns: int = 80) -> None:
        size = ["-x", str(columns), "-y", "30"]
        self._do("new-session", "-d", *size, f"{shlex.quote(self.command)} {arguments}; sleep 600")
        self._do("set-option", "-g", "remain-on-exit", "on")

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)
        self._do("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def paste(self, text: str) -> None:
        self._do("set-buffer", text)
        self._do("paste-buffer", "-p")

    def resize(self, columns: int) -> None:
        self._do("resize-window", "-x", str(columns), "-y", "30")

    def screen(self) -> str:
        return self._do("capture-pane", "-p")

    def sees(self, pattern: str) -> str:
        """The screen, once it shows that."""
        end = time.monotonic() + SECONDS
        while not re.search(pattern, screen := self.screen()):
            assert time.monotonic() < end, f"no {pattern!r} in:\n{screen}"
            time.sleep(0.05)
        return screen

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _do(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words],
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=SECONDS,
        )
        return done.stdout


@pytest.fixture
def tmux(
    ossia_path: str,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tmux]:
    folder = tmp_path_factory.mktemp("tmux")
    place = {"TMUX_TMPDIR": str(folder), "OSSIA_HOME": str(folder / "ossia"), "TERM": "xterm"}
    terminal = Tmux("talk", ossia_path, environment | place)
    yield terminal
    terminal.end()


READY = r"effort medium  \d+ of [\d,]+"


def test_search_resume_and_branch(tmux: Tmux) -> None:
    tmux.start("run nano --temperature 0")
    tmux.sees(READY)
    tmux.type("What is 12 + 5?")
    tmux.sees(r"= 17[^$]*tokens/s")
    tmux.type("/back")
    tmux.sees(r"another branch")
    tmux.type("What is 30 + 4?")
    tmux.sees(r"= 34")
    tmux.type("/chats 30")
    found = re.search(r"\n(\w{6}) +What is 12 \+ 5\?", tmux.sees(r"\n\w{6} +What is 12"))
    assert found is not None
    tmux.type("/clear")
    tmux.sees("forgotten")
    tmux.type(f"/resume {found[1]}")
    tmux.sees(r"going on with \w{6}: 1 question so far")
    tmux.type("/retry")
    tmux.sees(r"= 34[^$]*= 34")


def test_korean_in_forty_columns_and_a_resize(tmux: Tmux) -> None:
    tmux.start("run nano --temperature 0 --hide-reasoning", columns=40)
    tmux.sees(READY)
    tmux.press("-l", "안녕하세요, 오늘 날씨가 참 좋습니다 그렇지요")
    tmux.sees(r"그렇지요")
    tmux.press("BSpace", "BSpace")
    screen = tmux.sees(r"그렇\s")
    assert "안녕하세요, 오늘 날씨가" in screen
    tmux.resize(60)
    assert "안녕하세요" in tmux.sees(READY)
    tmux.press("Enter")
    tmux.sees(r"tokens/s")


def test_ctrl_c_keeps_the_talk(tmux: Tmux) -> None:
    tmux.start("run nano --temperature 0")
    tmux.sees(READY)
    tmux.press("C-c")
    tmux.sees("Ctrl-D or /bye leaves")
    tmux.type("What is 2 + 2?")
    tmux.sees("= 4")


def test_pasted_lines_are_one_question(tmux: Tmux) -> None:
    tmux.start("run nano --temperature 0")
    tmux.sees(READY)
    tmux.paste("What is\n3 + 4?\n")
    tmux.sees(r"What is\s+\.\.\. 3 \+ 4\?")
    tmux.press("Enter")
    tmux.sees(r"tokens/s")
    assert tmux.screen().count("tokens/s") == 1


def test_a_file_is_read_and_its_cost_told(tmux: Tmux, tmp_path: Path) -> None:
    (tmp_path / "sum.txt").write_text("What is 20 + 9?\n", "utf-8")
    (tmp_path / "long.txt").write_text("lamp " * 9000, "utf-8")
    tmux.start("run nano --temperature 0 --max-tokens 40 --context 2048", columns=200)
    tmux.sees(READY)
    tmux.type(f"Answer @{tmp_path}/sum.txt")
    tmux.sees(r"read \S+/sum.txt \(\d+ tokens\)[^$]*tokens/s")
    tmux.type(f"Answer @{tmp_path}/long.txt")
    tmux.sees(r"long.txt: [\d,]+ tokens, and the context has room for [\d,]+; name a part")


def test_reasoning_folds_into_a_line(tmux: Tmux) -> None:
    tmux.start("run nano --temperature 0", columns=40)
    tmux.sees(READY)
    tmux.type("/set reasoning maybe")
    tmux.sees(r"reasoning is on, off or fold")
    tmux.type("/set reasoning fold")
    tmux.sees(r"reasoning +fold")
    tmux.type("What is 12 + 5?")
    screen = tmux.sees(r"= 17[^$]*effort medium")
    assert re.search(r"\?\n\(thought for [\d.]+ s, \d+ words\)\n12 \+ 5 = 17\n", screen), screen
