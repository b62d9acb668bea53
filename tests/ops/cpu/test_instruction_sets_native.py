"""The kernels without Python: under sanitizers, and what their object files hold."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.ops.cpu import _kernels, available_instruction_sets

ROOT = Path(__file__).parents[3]


def tool(name: str) -> str:
    """A program on the path or beside this Python; skips the test where there is none."""
    beside = Path(sys.executable).parent
    found = shutil.which(name) or shutil.which(name, path=str(beside))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def build(folder: Path, *options: str) -> Path:
    """Builds the kernels and their test programs with CMake."""
    cmake = tool("cmake")
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    switches = ["-DOSSIA_PYTHON_MODULE=OFF", "-DOSSIA_KERNEL_TEST=ON", *options]
    for command in (
        [cmake, "-S", str(ROOT), "-B", str(folder), *generator, *switches],
        [cmake, "--build", str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing is inlined here: what a file would leave to the linker is all to be seen."""
    folder = tmp_path_factory.mktemp("sanitized")
    return build(folder, "-DOSSIA_SANITIZE=address,undefined", "-DCMAKE_BUILD_TYPE=Debug")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the wheel has it."""
    return build(tmp_path_factory.mktemp("released"), "-DCMAKE_BUILD_TYPE=Release")


def run(*command: str | Path) -> list[str]:
    """A test program's words; it must find nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def objects(folder: Path) -> dict[str, Path]:
    """Object files of the kernels' library by the stem of their source."""
    library = folder / "CMakeFiles" / "ossia_kernels.dir"
    found = {path.name.partition(".")[0]: path for path in library.rglob("*.o")}
    assert {"dispatch", "features", "mxfp4", "scalar"} <= set(found)
    return found


@pytest.mark.parametrize("build_name", ["sanitized", "released"])
@pytest.mark.parametrize("program", ["kernel_test", "attention_test"])
def test_kernels_give_the_right_numbers(
    build_name: str, program: str, request: pytest.FixtureRequest
) -> None:
    """And AddressSanitizer and UndefinedBehaviorSanitizer find nothing meanwhile."""
    folder = request.getfixturevalue(build_name)
    assert tuple(run(folder / program)) == available_instruction_sets()


@pytest.mark.parametrize("build_name", ["sanitized", "released"])
def test_threads_lose_no_task(build_name: str, request: pytest.FixtureRequest) -> None:
    """Nor do the threads of forked children."""
    assert run(request.getfixturevalue(build_name) / "threads_test") == ["threads"]


def test_thread_sanitizer_finds_nothing(tmp_path: Path) -> None:
    folder = build(tmp_path, "-DOSSIA_SANITIZE=thread", "-DCMAKE_BUILD_TYPE=Debug")
    assert run(folder / "threads_test") == ["threads"]
    assert tuple(run(folder / "attention_test")) == available_instruction_sets()


@pytest.mark.parametrize("build_name", ["sanitized", "released"])
def test_no_target_leaves_shared_code_to_the_linker(
    build_name: str, request: pytest.FixtureRequest
) -> None:
    """Of functions that several files define, the linker keeps one copy for every processor.

    So all that a file with its own instructions defines must carry its instruction set's name.
    """
    found = objects(request.getfixturevalue(build_name))
    for name in _kernels.compiled_instruction_sets():
        command = [tool("nm"), "--demangle", "--defined-only", "--extern-only", str(found[name])]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        symbols = [line.split(maxsplit=2)[2] for line in lines.splitlines()]
        assert f"ossia::{name}::kernels" in symbols
        own = (f"ossia::{name}::", "__odr_asan.")  # the latter is the sanitizer's
        assert not [symbol for symbol in symbols if not any(word in symbol for word in own)]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 only")
def test_only_the_targets_use_wide_registers(released: Path) -> None:
    widest = {"avx512bf16": "zmm", "avx512": "zmm", "amx": "zmm", "avx2": "ymm"}
    for name, path in objects(released).items():
        command = [tool("objdump"), "--disassemble", "--no-show-raw-insn", str(path)]
        code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        registers = set(re.findall(r"%([yz]mm)\d", code))
        expected = widest.get(name)
        assert (expected in registers) if expected else not registers, name
        assert "zmm" not in registers or expected == "zmm", name
