"""How the command ends when it is asked to."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ossia.cli import app, entry


@pytest.fixture
def old_handlers():
    numbers = (signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("old_handlers")
def test_ctrl_c_before_anything_is_guarded_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupted)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_writer_that_is_asked_to_end_leaves_nothing(
    ossia_path: str, environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [ossia_path, "synth", tmp_path / "out", "--shape", "24x2880x8"],
        env=environment,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert any(tmp_path.iterdir()), "it never began"
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == b""
    assert not any(tmp_path.iterdir())


def test_what_comes_while_a_module_loads_is_heard_afterwards(tmp_path: Path) -> None:
    """Compiled modules swallow exceptions while they load: numpy.random does."""
    (tmp_path / "swallowing.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "except BaseException:\n    pass\n"
    )
    program = (
        "import time\nfrom ossia.cli import app, entry\n"
        "def work():\n    import swallowing\n    time.sleep(60)\n"
        "app.main = work\nentry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=50, check=False)
    assert done.returncode == 128 + signal.SIGTERM
