import asyncio
import json

import pytest

from ossia.base.errors import InputError
from ossia.tools import Call, Deed
from ossia.tools.python import Limits, PythonTool
from ossia.tools.python.tool import mended, plain

from .notebook import needs_sandbox, run, text


def test_a_conversation_is_one_notebook() -> None:
    first, second = run("x = 123\nprint('hello')", "import math\nx * 456")
    assert (first.text, first.is_error) == ("hello", False)
    assert second.text == "56088"


def test_printed_shown_and_raised_come_in_this_order() -> None:
    assert text("print('a')\n'b'") == "a\n'b'"
    result = run("def f(): return 1/0", "print('a'); f()")[-1]
    assert result.is_error
    lines = result.text.splitlines()
    assert lines[:2] == ["a", "Traceback (most recent call last):"]
    assert 'File "<cell 2>", line 1' in result.text
    assert "def f(): return 1/0" in result.text
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "/run/ossia" not in result.text


def test_a_cell_without_output_says_so() -> None:
    assert text("x = 1").startswith("[no output")
    assert text("1;").startswith("[no output")


def test_a_cell_too_long_is_interrupted_and_variables_are_kept() -> None:
    limits = Limits(seconds=2)
    slow, after = run("x = 7\nimport time\ntime.sleep(600)", "x", limits=limits)
    assert slow.is_error
    assert "interrupted after 2 seconds" in slow.text
    assert after.text == "7"


def test_a_cell_that_will_not_be_interrupted_is_ended_and_files_are_kept() -> None:
    stubborn = """
import signal
open("kept.txt", "w").write("kept")
signal.signal(signal.SIGINT, signal.SIG_IGN)
x = 1
while True:
    pass
"""
    slow, after, read = run(stubborn, "x", "open('kept.txt').read()", limits=Limits(seconds=2))
    assert slow.is_error
    assert "variables are gone, files are kept" in slow.text
    assert "NameError" in after.text
    assert read.text == "'kept'"


def test_an_interpreter_that_ends_itself_starts_anew() -> None:
    ended, after = run("import os\nprint('so', flush=True)\nos._exit(3)", "1 + 1")
    assert ended.is_error
    assert ended.text.startswith("so\n")
    assert "interpreter ended" in ended.text
    assert after.text == "2"


def test_a_fork_that_comes_to_the_end_of_its_cell_ends_there() -> None:
    first, second = run("import os\nx = os.fork() and 1\nx and os.wait() and None\nx", "x + 1")
    assert (first.text, second.text) == ("1", "2")


def test_exit_is_no_end() -> None:
    assert run("x = 3", "exit(2)", "x")[-1].text == "3"


def test_cancelling_ends_the_cell_at_once_and_keeps_files() -> None:
    needs_sandbox()

    async def running() -> list[str]:
        tool = PythonTool()
        code = "open('begun', 'w').close()\nx = 1\nimport time\nwhile True: time.sleep(1)"
        await tool.call(Call("python", "1"))
        call = asyncio.create_task(tool.call(Call("python", code)))
        while not call.done():
            await asyncio.sleep(0.2)
            call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        after = [await tool.call(Call("python", code)) for code in ("x", "'begun'")]
        await tool.close()
        return [each.text for each in after]

    first, _ = asyncio.run(running())
    assert "cancelled" in first
    assert "variables are gone, files are kept" in first
    assert "NameError" in first


def test_a_tool_outlives_its_event_loop_and_closes_twice() -> None:
    needs_sandbox()
    tool = PythonTool()
    asyncio.run(tool.call(Call("python", "x = 5")))
    assert asyncio.run(tool.call(Call("python", "x"))).text == "5"
    asyncio.run(tool.close())
    asyncio.run(tool.close())


def test_closing_ends_a_call_at_any_moment_and_nothing_starts_after_it() -> None:
    needs_sandbox()

    async def running(num_turns: int) -> None:
        tool = PythonTool()
        call = asyncio.create_task(tool.call(Call("python", "import time; time.sleep(600)")))
        for _ in range(num_turns):
            await asyncio.sleep(0)
        if num_turns > 50:  # until it runs
            while tool._session is None:
                await asyncio.sleep(0.01)
        await tool.close()
        assert (await asyncio.wait_for(call, 60)).is_error
        assert (await tool.call(Call("python", "1"))).is_error
        assert tool._session is None

    for num_turns in (0, 1, 5, 51, 52, 53):
        asyncio.run(running(num_turns))


def test_conversations_do_not_meet() -> None:
    needs_sandbox()

    async def running() -> list[str]:
        tools = [PythonTool() for _ in range(3)]
        write = "open('/mnt/data/mine', 'w').write('{0}'); open('/tmp/mine', 'w').write('{0}')"
        await asyncio.gather(
            *(tool.call(Call("python", write.format(i))) for i, tool in enumerate(tools))
        )
        read = "open('/mnt/data/mine').read() + open('/tmp/mine').read()"
        results = await asyncio.gather(*(tool.call(Call("python", read)) for tool in tools))
        await asyncio.gather(*(tool.close() for tool in tools))
        return [result.text for result in results]

    assert asyncio.run(running()) == ["'00'", "'11'", "'22'"]


def test_files_go_in_and_out() -> None:
    needs_sandbox()

    async def running() -> None:
        tool = PythonTool(files={"in/table.csv": b"a,b\n1,2\n"})
        copying = "text = open('in/table.csv').read()\nopen('out.csv', 'w').write(text.upper())"
        result = await tool.call(Call("python", copying))
        assert result.details["files"] == [{"name": "out.csv", "size": 8}]
        assert await tool.read("out.csv") == b"A,B\n1,2\n"
        await tool.put("more.bin", bytes(range(256)))
        assert (await tool.call(Call("python", "len(open('more.bin', 'rb').read())"))).text == "256"
        assert (await tool.call(Call("python", "1"))).details["files"] == []
        for name in ("missing", "../etc/passwd", "/etc/passwd", "in", "in/../out.csv", "", "a\0b"):
            with pytest.raises(InputError, match=r"no file|no regular|no folder"):
                await tool.read(name)
        for name in ("../x", "/tmp/x", "out.csv/x", ""):
            with pytest.raises(InputError):
                await tool.put(name, b"")
        assert (await tool.call(Call("python", "1 + 1"))).text == "2"
        await tool.close()

    asyncio.run(running())


def test_given_files_are_there_again_after_the_sandbox_broke_down() -> None:
    needs_sandbox()

    async def running() -> None:
        tool = PythonTool(files={"given": b"1"})
        await tool.call(Call("python", "1"))
        assert tool._session is not None
        tool._session.process.kill()
        broken = await tool.call(Call("python", "1"))
        after = await tool.call(Call("python", "open('given').read()"))
        assert broken.is_error or broken.text == "1"
        assert after.text == "'1'"
        await tool.close()

    asyncio.run(running())


def test_long_output_keeps_both_ends() -> None:
    result = text("print('start'); print('x' * 1_000_000); print('end')", "list(range(10**5))")
    printed = text("print('start'); print('x' * 1_000_000); print('end')")
    for each, first, last in ((result, "[0, 1", "99999]"), (printed, "start", "end")):
        assert each.startswith(first)
        assert each.endswith(last)
        assert "left out" in each
        assert len(each) < 21_000


def test_what_a_call_is_about_to_do() -> None:
    action = PythonTool().action(Call("python", "\n# sum\n1 + 1"))
    assert (action.tool, action.deed, action.summary) == ("python", Deed.COMPUTE, "run # sum")
    assert action.detail == "\n# sum\n1 + 1"
    unsafe = PythonTool(unsafe=True).action(Call("python", ""))
    assert (unsafe.deed, unsafe.target) == (Deed.CALL, "python")
    assert "no sandbox" in unsafe.summary


def test_the_model_is_told_the_time_that_it_has() -> None:
    (space,) = PythonTool(limits=Limits(seconds=30)).namespaces
    assert space.name == "python"
    assert not space.tools
    assert "after 30.0 seconds" in space.description
    assert not PythonTool().functions


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1 + 1", "1 + 1"),
        ("```python\nx = 1\nx\n```", "x = 1\nx"),
        ("```\n1\n```\n", "1"),
        (json.dumps({"code": "print(1)\n"}), "print(1)\n"),
        ('{"code": 1}', '{"code": 1}'),
        ("{1: 2}", "{1: 2}"),
        ("{" * 100_000, "{" * 100_000),
        ('s = """\n```python\n1\n```\n"""', 's = """\n```python\n1\n```\n"""'),
    ],
)
def test_code_is_taken_out_of_its_wrapping(written: str, meant: str) -> None:
    assert mended(written) == meant


def test_output_is_what_a_terminal_would_show_at_last() -> None:
    assert (
        plain("\x1b[31mred\x1b[0m\r\n10%\r100%\n\x1b]0;title\x07\x00\x9bok\t.")
        == "red\n100%\nok\t."
    )


def test_without_a_sandbox_it_works_the_same_and_leaves_others_alone() -> None:
    cells = ("x = 20\nopen('a', 'w').write('1')", "print(x)\nx + 1")
    result = run(*cells, unsafe=True)
    assert result[-1].text == "20\n21"
    assert result[0].details["files"] == [{"name": "a", "size": 1}]
    endless = (
        "import time\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    time.sleep(600)"
    )
    slow = run(endless, "2", unsafe=True, limits=Limits(seconds=0.2))
    assert "variables are gone" in slow[0].text
    assert slow[1].text == "2"
