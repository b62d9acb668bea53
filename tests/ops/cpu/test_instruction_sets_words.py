"""Every instruction set gives the same bits: those of this machine, and 64-bit ARM's under qemu."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.ops.cpu import _kernels, available_instruction_sets

ROOT = Path(__file__).parents[3]

ARM_COMPILER = "aarch64-linux-gnu-g++"
ARM_OPTIONS = (
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    f"-DCMAKE_CXX_COMPILER={ARM_COMPILER}",
    "-DCMAKE_EXE_LINKER_FLAGS=-static",
)

BFLOAT16_DOTS = {"avx512bf16"}
"""Those that round queries and weights of attention to bfloat16: its numbers are others."""


def tool(name: str, debian_package: str) -> str:
    """A program on the path or beside this Python; skips the test where there is none."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install {debian_package})")
    return found


def run(*command: str | Path) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def build(folder: Path, targets: list[str], *options: str) -> Path:
    cmake, ninja = tool("cmake", "cmake"), tool("ninja", "ninja-build")
    switches = ("-DOSSIA_PYTHON_MODULE=OFF", "-DOSSIA_KERNEL_TEST=ON", *options)
    run(cmake, "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", *switches)
    run(cmake, "--build", folder, "--target", *targets)
    return folder


def modelled() -> list[str]:
    """AMX: in words_test, amx_model.h stands in for what this machine may lack of it."""
    return ["amx"] if "avx512" in available_instruction_sets() else []


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tool("c++", "g++")
    targets = [f"words_test_{name}" for name in {*available_instruction_sets(), *modelled()}]
    quick = "-DCMAKE_CXX_FLAGS_RELEASE=-O1"  # as good for words, and built in half the time
    return build(tmp_path_factory.mktemp("native"), targets, quick)


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tool("qemu-aarch64", "qemu-user")
    tool(ARM_COMPILER, "g++-aarch64-linux-gnu")
    targets = ["kernel_test", "words_test_neon"]
    return build(tmp_path_factory.mktemp("arm"), targets, *ARM_OPTIONS)


@pytest.fixture(scope="module")
def expected(native: Path) -> list[str]:
    """Lines "name hash" of the plainest instruction set of this machine."""
    lines = run(native / "words_test_scalar")
    assert len(lines) > 30
    return lines


@pytest.mark.parametrize("name", available_instruction_sets())
def test_words_of_this_machine(name: str, native: Path, expected: list[str]) -> None:
    found = run(native / f"words_test_{name}")
    if name in BFLOAT16_DOTS:
        found = [line for line in found if not line.startswith("attention")]
        expected = [line for line in expected if not line.startswith("attention")]
    assert found == expected


@pytest.mark.skipif(not modelled(), reason="the model of AMX needs AVX-512")
def test_words_of_the_model_of_amx(native: Path, expected: list[str]) -> None:
    assert run(native / "words_test_amx") == expected


def test_amx_is_never_chosen_unasked() -> None:
    """No processor has run it yet: wherever it is available, avx512 comes before it."""
    compiled = _kernels.compiled_instruction_sets()
    assert "amx" not in compiled or compiled.index("avx512") < compiled.index("amx")


def test_words_of_arm(arm: Path, expected: list[str]) -> None:
    assert run("qemu-aarch64", "-cpu", "max", arm / "words_test_neon") == expected


def test_arm_processors_get_what_they_have(arm: Path) -> None:
    """Cortex-A57 has no dot product. The program checks products besides, set against set."""
    kernel_test = arm / "kernel_test"
    assert run("qemu-aarch64", "-cpu", "max", kernel_test) == ["neon", "scalar"]
    assert run("qemu-aarch64", "-cpu", "cortex-a57", kernel_test) == ["scalar"]


def test_neon_leaves_no_shared_code_to_the_linker(arm: Path) -> None:
    """Of functions that several files define, the linker keeps one copy for every processor."""
    (compiled,) = arm.glob("CMakeFiles/ossia_kernels.dir/**/neon.cpp.o")
    nm = tool("aarch64-linux-gnu-nm", "binutils-aarch64-linux-gnu")
    lines = run(nm, "--demangle", "--defined-only", "--extern-only", compiled)
    symbols = [line.split(maxsplit=2)[2] for line in lines]
    assert "ossia::neon::kernels" in symbols
    assert not [symbol for symbol in symbols if "ossia::neon::" not in symbol]
