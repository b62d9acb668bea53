"""What code might try, and that it does not succeed.

Each attempt says ``held`` or ``ESCAPED``, from inside; what can be seen from outside is looked at
there. The same attempts are made again where the wall that is meant to hold them is missing, and
must succeed there: a test that cannot fail says nothing.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import pytest

from ossia.base.errors import InputError
from ossia.tools import Call
from ossia.tools.python import Limits, PythonTool, find, sandbox, seccomp

from .notebook import needs_sandbox, run, text

PRELUDE = f"""
import ctypes, errno, os, platform, signal, socket, stat, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
column = {list(seccomp.LAST)}.index(platform.machine())
NUMBERS = {{name: pair[column] for name, pair in {seccomp.DENIED | seccomp.CHECKED}.items()}}

def call(name, *arguments):
    ctypes.set_errno(0)
    arguments = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS[name]), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result

def program(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise OSError(0, done.stderr)
    return done.stdout

def attempt(act):
    try:
        print("ESCAPED", repr(act())[:200])
    except (OSError, MemoryError, OverflowError, ValueError) as error:
        number = getattr(error, "errno", None)
        print("held", type(error).__name__, errno.errorcode.get(number, number))
"""


@dataclass(frozen=True)
class World:
    """What there is to be reached on this machine."""

    secret: str
    port: int
    unix: str
    abstract: str
    shared: str
    victim: subprocess.Popen[bytes]
    home: str = field(default_factory=lambda: str(Path.home()))

    def names(self) -> str:
        values = {
            "SECRET": self.secret,
            "PORT": self.port,
            "UNIX": self.unix,
            "ABSTRACT": self.abstract,
            "SHARED": self.shared,
            "VICTIM": self.victim.pid,
            "HOME": self.home,
            "NODE": os.uname().nodename,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in values.items())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    secret = folder / "secret"
    secret.write_text("the secret")
    abstract = f"\0ossia-{os.getpid()}"
    listeners = [socket.create_server(("127.0.0.1", 0))]
    for address in (str(folder / "socket"), abstract):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen()
        listeners.append(listener)
    victim = subprocess.Popen(["sleep", "86400"])
    shared = SharedMemory(create=True, size=16)
    try:
        port = listeners[0].getsockname()[1]
        yield World(str(secret), port, str(folder / "socket"), abstract, shared.name, victim)
    finally:
        victim.kill()
        victim.wait()
        shared.close()
        shared.unlink()
        for listener in listeners:
            listener.close()


# Name: the code, and where it succeeds: "unsafe" (nothing protects), "unfiltered" (a sandbox
# without the filter of system calls), or "" where trying would harm, or more than one wall holds.
ATTEMPTS: dict[str, tuple[str, str]] = {
    # the network
    "tcp": ("socket.create_connection(('127.0.0.1', PORT), 5)", "unsafe"),
    "tcp over IPv6": ("socket.create_connection(('::1', PORT), 5)", ""),
    "udp": ("socket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))", "unsafe"),
    "by name": ("socket.create_connection(('localhost', PORT), 5)", "unsafe"),
    "name service": ("socket.getaddrinfo('example.org', 80)", ""),
    "by curl": ("program('curl', '-s', '--max-time', '5', f'http://127.0.0.1:{PORT}')", ""),
    "listening": ("socket.create_server(('127.0.0.1', 0))", "unsafe"),
    "netlink": ("socket.socket(16, 3, 0)", "unfiltered"),
    "raw packets": ("socket.socket(17, 3, 0)", ""),
    "to the hypervisor": ("socket.socket(40, 1, 0)", ""),
    "kernel cryptography": ("socket.socket(38, 5, 0)", ""),
    "unix socket": ("socket.socket(1).connect(UNIX)", "unsafe"),
    "abstract socket": ("socket.socket(1).connect(ABSTRACT)", "unsafe"),
    # files
    "a file outside": ("open(SECRET).read()", "unsafe"),
    "climbing up": ("open('../' * 40 + SECRET).read()", "unsafe"),
    "a link out": ("os.symlink(SECRET, 'link'); attempt(lambda: open('link').read())", "unsafe"),
    "through one's root": ("open('/proc/self/root' + SECRET).read()", "unsafe"),
    "through the warden's root": ("os.listdir('/proc/1/root')", ""),
    "through the warden's folder": ("os.listdir('/proc/1/cwd')", ""),
    "passwords": ("open('/etc/shadow').read()", ""),
    "users": ("open('/etc/passwd').read()", "unsafe"),
    "the interpreter": ("open(os.path.realpath(sys.executable), 'ab')", ""),
    "the interpreter as it runs": ("open('/proc/self/exe', 'r+b')", ""),
    "the standard library": ("open(os.__file__, 'a')", "unsafe"),
    "a new module for others": ("open(os.path.dirname(os.__file__) + '/evil.py', 'w')", ""),
    "the warden's code": ("open('/run/ossia/guest/warden.py', 'a')", ""),
    "system programs": ("open('/usr/bin/evil', 'w')", ""),
    "system settings": ("open('/etc/ld.so.preload', 'w')", ""),
    "the root folder": ("open('/evil', 'w')", ""),
    "among the devices": ("open('/dev/evil', 'w')", ""),
    "a hard link": ("os.link(os.__file__, 'copy')", ""),
    "removing a library": ("os.unlink(os.__file__)", ""),
    "rights of a library": ("os.chmod(os.__file__, 0o777)", ""),
    "a disk's node": (
        "os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(254, 0))",
        "",
    ),
    "memory of the machine": ("open('/dev/mem', 'rb')", ""),
    "kernel messages": ("open('/dev/kmsg')", ""),
    "memory of the kernel": ("open('/proc/kcore', 'rb').read(1)", ""),
    "core dump handler": ("open('/proc/sys/kernel/core_pattern', 'w')", ""),
    "kernel trigger": ("open('/proc/sysrq-trigger', 'w')", ""),
    "hardware": ("os.listdir('/sys')", "unsafe"),
    "the terminal": ("open('/dev/tty', 'w')", ""),
    "shared memory of others": ("open('/dev/shm/' + SHARED)", "unsafe"),
    # mounts and namespaces
    "mount": ("call('mount', b'none', b'/tmp', b'tmpfs', 0, 0)", ""),
    "remount": ("call('mount', b'none', b'/', b'', 32 | 4096, 0)", ""),
    "unmount": ("call('umount2', b'/usr', 2)", ""),
    "pivot_root": ("call('pivot_root', b'/mnt', b'/mnt/data')", ""),
    "chroot": ("call('chroot', b'/tmp')", ""),
    "a new file system": ("call('fsopen', b'tmpfs', 0)", ""),
    "by file handle": (
        "call('open_by_handle_at', 3, b'\\x08\\0\\0\\0\\1\\0\\0\\0\\2' + bytes(20), 0)",
        "",
    ),
    "a user namespace": ("call('unshare', 0x10000000)", "unfiltered"),
    "namespaces by clone": (
        "call('clone', 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0)",
        "unfiltered",
    ),
    "namespaces by program": ("program('unshare', '-r', 'id')", ""),
    "a sandbox inside": ("program('bwrap', '--ro-bind', '/', '/', 'id')", ""),
    "namespaces of others": ("call('setns', os.open('/proc/1/ns/mnt', 0), 0)", ""),
    "one's own user map": ("open('/proc/self/uid_map', 'w').write('0 0 4294967295')", ""),
    # who one is
    "root": ("call('setuid', 0)", ""),
    "a group": ("call('setgroups', 1, struct.pack('i', 0))", ""),
    "by su": ("program('su', '-c', 'id')", ""),
    "capabilities": ("call('capset', struct.pack('Ii', 0x20080522, 0), b'\\xff' * 24)", ""),
    "another personality": ("call('personality', 0x0040000)", "unfiltered"),
    # other processes
    "seeing others": ("open(f'/proc/{VICTIM}/cmdline').read()", "unsafe"),
    "signalling others": ("os.kill(VICTIM, 0)", "unsafe"),
    "tracing others": ("call('ptrace', 0x4206, VICTIM, 0, 0)", ""),
    "tracing the warden": ("call('ptrace', 0x4206, 1, 0, 0)", ""),
    "memory of the warden": ("open('/proc/1/mem', 'rb')", ""),
    "files of the warden": ("[os.readlink(f'/proc/1/fd/{number}') for number in range(64)]", ""),
    "environment of the warden": ("open('/proc/1/environ').read()", ""),
    "reading memory by call": ("call('process_vm_readv', 1, bytes(16), 1, bytes(16), 1, 0)", ""),
    "taking a file": ("call('pidfd_getfd', os.pidfd_open(1), 5, 0)", ""),
    "limits of the warden": ("call('prlimit64', 1, 7, struct.pack('QQ', 0, 0), 0)", "unfiltered"),
    # the kernel's large parts
    "io_uring": ("call('io_uring_setup', 8, bytes(120))", "unfiltered"),
    "bpf": ("call('bpf', 0, bytes(128), 128)", ""),
    "perf": ("call('perf_event_open', bytes(128), 0, -1, -1, 0)", ""),
    "userfaultfd": ("call('userfaultfd', 1)", "unfiltered"),
    "keys": ("call('add_key', b'user', b'ossia', b'x', 1, -2)", "unfiltered"),
    "keyring": ("call('keyctl', 0, -4, 1)", "unfiltered"),
    "a module": ("call('finit_module', 0, b'', 0)", ""),
    "another kernel": ("call('kexec_load', 0, 0, 0, 0)", ""),
    "reboot": ("call('reboot', 0xfee1dead - (1 << 32), 672274793, 0, 0)", ""),
    "the clock": ("call('settimeofday', struct.pack('qq', 0, 0), 0)", ""),
    "the machine's name": ("call('sethostname', b'evil', 4)", ""),
    "kernel log": ("call('syslog', 3, ctypes.create_string_buffer(99), 99)", ""),
    "ports of the hardware": (
        "call('iopl', 3) if NUMBERS['iopl'] else call('reboot', 0, 0, 0, 0)",
        "",
    ),
    # what no limit counts
    "memory files": ("call('memfd_create', b'x', 0)", "unfiltered"),
    "shared segments": ("call('shmget', 0, 1 << 20, 0o1600)", "unfiltered"),
    "semaphores": ("call('semget', 0, 1, 0o1600)", "unfiltered"),
    "queues": ("call('msgget', 0, 0o1600)", "unfiltered"),
    # more than it may have
    "10 GB": ("len(bytearray(10 << 30))", ""),
    "10 GB mapped": ("__import__('mmap').mmap(-1, 10 << 30)", ""),
    "a sparse file": ("open('sparse', 'wb').truncate(1 << 40)", ""),
    "higher limits": ("__import__('resource').setrlimit(9, (-1, -1))", ""),
    "more files open": ("[os.pipe() for _ in range(10_000)]", ""),
    "higher priority": ("os.setpriority(os.PRIO_PROCESS, 0, 0)", ""),
    "all processors": ("os.sched_setaffinity(0, range(512))", "unsafe"),
    "real time": ("os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))", ""),
}


def attempted(code: str, world: World, **options: Any) -> str:
    last = code if "attempt(" in code else f"attempt(lambda: {code})"
    if ";" in code and "attempt(" not in code:
        first, last = code.rsplit(";", 1)
        last = f"{first}; attempt(lambda: {last.strip()})"
    return text(PRELUDE + world.names() + last, **options)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_is_held(name: str, world: World) -> None:
    assert len(ATTEMPTS) >= 40
    shown = attempted(ATTEMPTS[name][0], world)
    assert "held" in shown, shown
    assert "ESCAPED" not in shown
    assert world.victim.poll() is None


@pytest.mark.parametrize("name", [name for name, (_, on) in ATTEMPTS.items() if on == "unsafe"])
def test_the_attempt_succeeds_without_a_sandbox(name: str, world: World) -> None:
    assert "ESCAPED" in attempted(ATTEMPTS[name][0], world, unsafe=True)


def test_attempts_succeed_without_the_filter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else holds them depends on the kernel, and on what ossia itself runs in."""
    monkeypatch.setattr(seccomp, "program", lambda _: None)
    codes = {name: code for name, (code, on) in ATTEMPTS.items() if on == "unfiltered"}
    shown = {name: attempted(code, world) for name, code in codes.items()}
    escaped = {name for name, what in shown.items() if "ESCAPED" in what}
    assert len(escaped) > len(codes) // 2, shown


def marked(mark: str) -> dict[int, str]:
    """States of this machine's processes whose command line has a mark, by their ids."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "cmdline").read_text("utf-8", "replace"):
                found[int(folder.name)] = (folder / "stat").read_text().rpartition(") ")[2][0]
        except OSError:
            continue
    return {number: state for number, state in found.items() if state not in "ZX"}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


DAEMON = """
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "{mark}"])
    os._exit(0)
import atexit
atexit.register(subprocess.run, ["sleep", "{mark}"])
while not any(open(f"/proc/{{p}}/cmdline").read().startswith("sleep")
              for p in os.listdir("/proc") if p.isdigit() and p != "1"):
    pass
"""


def test_a_daemon_stands_still_between_calls_and_ends_with_the_conversation() -> None:
    needs_sandbox()
    mark = f"86400.{os.getpid()}1"

    async def running() -> None:
        tool = PythonTool()
        await tool.call(Call("python", DAEMON.format(mark=mark)))
        wait_until(lambda: list(marked(mark).values()) == ["T"])
        await tool.call(Call("python", "os._exit(0)"))
        wait_until(lambda: not marked(mark))
        await tool.call(Call("python", DAEMON.format(mark=mark)))
        assert marked(mark)
        await tool.close()

    asyncio.run(running())
    wait_until(lambda: not marked(mark))


def test_all_ends_when_ossia_is_killed() -> None:
    needs_sandbox()
    mark = f"86400.{os.getpid()}2"
    program = f"""
import asyncio
from ossia.tools import Call
from ossia.tools.python import PythonTool
async def run():
    tool = PythonTool()
    print((await tool.call(Call("python", {DAEMON.format(mark=mark)!r}))).text, flush=True)
    await tool.call(Call("python", "import time; time.sleep(600)"))
asyncio.run(run())
"""
    ossia = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert ossia.stdout is not None
    with ossia:
        assert b"no output" in ossia.stdout.readline()
        assert marked(mark)
        ossia.kill()
    wait_until(lambda: not marked(mark))


BOMBS = {
    "processes": "import os\nwhile True: os.fork()",
    "processes that work": "import os\nwhile True:\n"
    "    if os.fork() == 0:\n        while True: pass",
    "programs": "import subprocess\nwhile True: subprocess.Popen(['sleep', '86400'])",
    "threads": "import threading, time\nwhile True:\n"
    "    try: threading.Thread(target=time.sleep, args=(9,)).start()\n"
    "    except RuntimeError: pass",
    "memory of many": "import os, time\nfor _ in range(6): os.fork()\n"
    "x = bytearray(60 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(600)",
    "shared memory": "import mmap, os, time\nfor _ in range(5): os.fork()\nm = []\nwhile True:\n"
    "    m.append(mmap.mmap(-1, 16 << 20)); m[-1].write(bytes(16 << 20))",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_ended_and_the_next_cell_runs(name: str) -> None:
    limits = Limits(seconds=20, memory=256 << 20, processes=40)
    boom, *after = run(BOMBS[name], "1 + 1", "1 + 1", limits=limits)
    assert boom.is_error
    # Threads that were started may leave a cell that was not ended no memory to go on with.
    assert after[-1].text == "2"


def test_endless_output_ends_and_is_short() -> None:
    endless, after = run("while True: print('x' * 1000)", "2", limits=Limits(seconds=1))
    assert endless.is_error
    assert "left out" in endless.text
    assert len(endless.text) < 25_000
    assert after.text == "2"


def test_disks_are_as_large_as_they_may_be() -> None:
    code = """
import os
written = 0
for folder in ("/mnt/data", "/tmp", "/dev/shm", "/", "/dev", "/run", "/mnt", "/etc", "/dev/pts"):
    try:
        with open(folder + "/full", "wb", buffering=0) as file:
            while True:
                written += file.write(bytes(1 << 20))
    except OSError:
        pass
written
"""
    limits = Limits(disk=16 << 20)
    full, again = run(code, "open('/mnt/data/full', 'ab').write(b'x' * 9000)", limits=limits)
    assert 16 << 20 <= int(full.text) <= (16 << 20) * 3 // 2
    assert "No space left" in again.text or "File too large" in again.text


def test_too_many_files_end_the_sandbox() -> None:
    code = (
        "import os\ni = 0\nwhile True: i += 1; os.mknod(f'/tmp/{i}') if i % 2 else os.mkdir(f'{i}')"
    )
    boom, after = run(code, "import os; os.listdir()", limits=Limits(files=500))
    assert boom.is_error
    assert "too many files" in boom.text
    assert after.text == "[]"


LINK = """
import os, sys, struct, json, time
sys.path.insert(0, "/run/ossia")
def pack(fields, body=b""):
    text = json.dumps(fields).encode()
    return struct.pack("!II", len(text), len(body)) + text + body
report = {"id": 1, "status": "done", "shown": "a lie", "error": "", "pictures": []}
"""
LIES = {
    "an early report": ("os.write(3, pack(report)); time.sleep(600)", "^a lie$"),
    "of another cell": ("os.write(3, pack({**report, 'id': 2}))", "wrote into the connection"),
    "no id": ("os.write(3, pack({}))", "wrote into the connection"),
    "a status": ("os.write(3, pack({**report, 'status': 'root'}))", "wrote into the connection"),
    "a huge frame": ("os.write(3, b'\\xff' * 8)", "wrote into the connection"),
    "half a frame": (
        "os.write(3, struct.pack('!II', 9, 9)); time.sleep(600)",
        "interrupted|ended|wrote into",
    ),
    "no JSON": ("os.write(3, struct.pack('!II', 4, 0) + b'oops')", "wrote into the connection"),
    "deep JSON": (
        "os.write(3, struct.pack('!II', 100_000, 0) + b'[' * 100_000)",
        "wrote into the connection",
    ),
    "a list": ("os.write(3, struct.pack('!II', 2, 0) + b'[]')", "wrote into the connection"),
    "negative sizes": (
        "os.write(3, pack({**report, 'pictures': [-5, 5]}))",
        "wrote into the connection",
    ),
    "a picture that is none": (
        "os.write(3, pack({**report, 'pictures': [4]}, b'<svg')); time.sleep(600)",
        "^a lie$",
    ),
    "an endless stream": ("while True: os.write(3, bytes(65536))", "wrote into the connection"),
    "a closed connection": ("os.close(3)", "interpreter ended"),
    "closed output": ("os.close(1); os.close(2)", "no output"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "interpreter ended"),
    "its own end": ("os.kill(os.getpid(), 9)", "interpreter ended"),
    "the end of all": ("os.kill(-1, 9); print('alive')", "alive"),
    "the end of the warden": ("os.kill(1, 9); os.kill(1, 2); print('alive')", "alive"),
    "a stop of the warden": ("os.kill(1, 19); os.kill(1, 20); print('alive')", "alive"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_harms_only_the_liar(name: str) -> None:
    code, expected = LIES[name]
    lie, *after = run(LINK + code, "1 + 1", "40 + 2", limits=Limits(seconds=3))
    assert re.search(expected, lie.text), lie.text
    assert not lie.pictures
    assert after[-1].text == "42", after


def test_what_one_interpreter_did_to_itself_is_gone_in_the_next() -> None:
    cells = (
        "import os, builtins\nos.environ['LD_PRELOAD'] = '/mnt/data/evil.so'\n"
        "open('sitecustomize.py', 'w').write('print(666)')\nbuiltins.print = None\nos._exit(0)",
        "import os; print(os.environ.get('LD_PRELOAD'))",
    )
    assert text(*cells) == "None"


def test_no_secret_of_the_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_TEST_SECRET", "swordfish")
    code = """
import glob
found = b""
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
    try:
        found += open(path, "rb").read()
    except OSError:
        pass
b"sword" + b"fish" in found, sorted(__import__("os").environ)
"""
    shown = text(code)
    assert shown == str((False, sorted({*sandbox.ENVIRONMENT, "LC_CTYPE"} - {"LC_CTYPE"})))


def test_no_file_is_inherited(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with (tmp_path / "secret").open() as file:
        os.set_inheritable(file.fileno(), True)
        code = "import os\nsorted(map(int, os.listdir('/proc/self/fd')))"
        # 0 to 2, the connection, and the folder that is listed
        assert text(code) == "[0, 1, 2, 3, 4]"


def test_only_what_is_needed_is_there() -> None:
    code = """
import os
home = [os.path.join(folder, name) for folder, _, names in os.walk(HOME) for name in names]
devices, root = set(os.listdir("/dev")), set(os.listdir("/"))
sockets = ["/var/run/docker.sock", "/run/user", "/tmp/.X11-unix", "/run/dbus", "/var", "/sys"]
(
    [path for path in home if not path.startswith(tuple(ALLOWED))][:5],
    devices - {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm",
               "stdin", "stdout", "stderr", "fd", "core"},
    [path for path in sockets if os.path.exists(path)],
    os.uname().nodename,
    os.getuid(),
    [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
    [p for p in os.listdir("/proc") if p.isdigit()],
)
"""
    allowed = [str(folder) for folder in find(None).folders]
    shown = text(f"HOME, ALLOWED = {str(Path.home())!r}, {allowed!r}\n{code}")
    assert shown == "([], set(), [], 'sandbox', 1000, ['lo'], ['1', '2'])"


def test_links_of_the_guest_are_not_followed_from_outside(world: World) -> None:
    needs_sandbox()
    code = f"""
import os
os.symlink({world.secret!r}, "link")
os.symlink("/etc", "folder")
os.symlink("real", "inner")
open("real", "w").write("real")
os.mkfifo("pipe")
os.symlink("/proc/self/mem", "memory")
os.makedirs("deep/er")
"""

    async def running() -> dict[str, str]:
        tool = PythonTool()
        result = await tool.call(Call("python", code))
        assert result.details["files"] == [{"name": "real", "size": 4}]
        found = {}
        for name in ("link", "folder/ld.so.cache", "inner", "pipe", "memory", "deep/er", "real"):
            try:
                found[name] = (await tool.read(name)).decode()
            except InputError:
                found[name] = ""
        await tool.put("link", b"mine")  # takes the place of the link
        found["after"] = (await tool.read("link")).decode()
        await tool.close()
        return found

    found = asyncio.run(running())
    assert {name: text for name, text in found.items() if text} == {"real": "real", "after": "mine"}
    assert Path(world.secret).read_text() == "the secret"


def test_others_are_answered_meanwhile() -> None:
    """A bomb in one conversation, and another one goes on."""
    needs_sandbox()

    async def running() -> None:
        bomb, other = PythonTool(limits=Limits(seconds=600)), PythonTool()
        call = asyncio.create_task(bomb.call(Call("python", "while True: print('x')")))
        for number in range(5):
            shown = await other.call(Call("python", f"{number} + 1"))
            assert shown.text == str(number + 1)
        assert not call.done()
        await bomb.close()
        assert (await call).is_error
        await other.close()

    asyncio.run(running())
