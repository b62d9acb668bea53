"""A talk on a real terminal: keys, Ctrl-C, commands, chats that are kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

Spawn = Callable[..., pexpect.spawn]


@pytest.fixture
def talk(spawn: Spawn, model: Path) -> Callable[..., pexpect.spawn]:
    """A talk that has greeted and waits."""

    def start(*flags: object, **options: object) -> pexpect.spawn:
        child = spawn("run", model, "--seed", 5, *flags, **options)
        child.expect("/help")
        child.expect(">>>")
        return child

    return start


def ask(child: pexpect.spawn, text: str, answer: str) -> None:
    child.send(f"{text}\r")
    child.expect(answer.replace(" ", r"\s+"))  # lines break anywhere
    child.expect(">>>")


def leave(child: pexpect.spawn) -> None:
    child.send("/bye\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "Traceback" not in child.before


def test_ctrl_c_stops_the_answer_and_not_the_program(talk: Callable[..., pexpect.spawn]) -> None:
    child = talk()
    child.send("hi\r")
    child.expect(r"\x1b\[K.*[a-z]{2} [a-z]{2}")
    child.sendintr()
    child.expect(r"\(stopped\)")
    child.expect(">>>")
    child.sendintr()
    child.expect("Ctrl-D or /bye leaves")
    child.expect(">>>")
    ask(child, "/set max_tokens 5", "max_tokens   5")
    ask(child, "again", r"cut off after 5 tokens")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_every_command(talk: Callable[..., pexpect.spawn], environment: dict[str, str]) -> None:
    child = talk("--max-tokens", 5)
    ask(child, "/effort high", "effort high")
    ask(child, "/effort hihg", r"no effort 'hihg'; expected low, medium or high; did you mean")
    ask(child, "/efort", r"no command /efort; did you mean /effort")
    ask(child, "/system 짧게 답해", "instructions: 짧게 답해")
    ask(child, "/set temperature 0", r"temperature  0.0")
    ask(child, "/set temperature hot", "temperature is a number, not 'hot'")
    ask(child, "/set top_p 7", "top_p must be above 0 and at most 1; it is 7.0")
    ask(child, "/set tempratur 1", r"no setting 'tempratur'; did you mean temperature")
    ask(child, "안녕 hello", "cut off after 5 tokens")
    ask(child, "/save 내 chat", "saved as ")
    ask(child, "/clear", "forgotten")
    ask(child, "/show", "0 questions so far, effort high")
    ask(child, "/system none", "instructions: none")
    ask(child, "/load nothing", r"no such chat; saved are: 내 chat")
    ask(child, "/load 내 chat", "loaded 내 chat: 1 question so far, effort high")
    ask(child, "/system", "instructions: 짧게 답해")
    ask(child, "/help", "/clear")
    ask(child, " /starts with a space", "cut off after 5 tokens")
    leave(child)
    saved = json.loads(Path(environment["OSSIA_HOME"], "chats", "내 chat.json").read_text("utf-8"))
    assert saved["messages"][0] == {"role": "user", "text": "안녕 hello"}
    assert saved["settings"]["temperature"] == 0.0


def test_text_of_several_lines(
    talk: Callable[..., pexpect.spawn], environment: dict[str, str], tmp_path: Path
) -> None:
    child = talk("--max-tokens", 5)
    child.send('"""one\r')
    child.send('two"""\r')
    child.expect("cut off after 5 tokens")
    child.expect(">>>")
    child.send("three\x1b\rfour\r")  # Alt-Enter between
    child.expect("cut off after 5 tokens")
    child.expect(">>>")
    child.send("\x1b[200~five\rsix 한글\n\nseven\x1b[201~")  # a bracketed paste
    child.send("\r")
    child.expect("cut off after 5 tokens")
    child.expect(">>>")
    ask(child, f"/save {tmp_path}/chat.json", "saved as")
    leave(child)
    messages = json.loads((tmp_path / "chat.json").read_text("utf-8"))["messages"]
    asked = [message["text"] for message in messages if message["role"] == "user"]
    assert asked == ["one\ntwo", "three\nfour", "five\nsix 한글\n\nseven"]
    history = Path(environment["OSSIA_HOME"], "history")
    assert "+seven" in history.read_text("utf-8")
    assert history.stat().st_mode & 0o077 == 0


def test_a_narrow_terminal_and_a_plain_one(talk: Callable[..., pexpect.spawn]) -> None:
    child = talk("--max-tokens", 5, columns=40)
    ask(child, "안녕하세요, 저는 오늘 아주 긴 문장을 입력하고 있습니다", "cut off after 5")
    leave(child)
    child = talk("--max-tokens", 5, TERM="dumb")
    child.send('"""a\r')
    child.expect(r"\.\.\. ")
    child.send('b"""\r')
    child.expect("cut off after 5 tokens")
    child.expect(">>>")
    child.sendintr()
    child.expect("Ctrl-D or /bye leaves")
    leave(child)
    assert "\x1b" not in child.before


def test_a_home_that_cannot_be_written_is_no_hindrance(
    talk: Callable[..., pexpect.spawn], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    child = talk("--max-tokens", 5, OSSIA_HOME=str(tmp_path / "file" / "home"))
    ask(child, "hi", "cut off after 5 tokens")
    ask(child, "/save x", "cannot save the chat")
    leave(child)
