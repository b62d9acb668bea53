"""The bandwidth probe: it reads every word, and its memory is real."""

import threading

import numpy as np
import pytest

from ossia.ops.cpu import _kernels
from ossia.ops.cpu.bandwidth import probe_memory, read_bandwidth

PER_TASK = 1 << 19  # words that one thread takes at a time


@pytest.fixture(params=[1, 3])
def _threads(request):
    before = _kernels.num_threads()
    _kernels.set_num_threads(request.param)
    yield
    _kernels.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000, PER_TASK, 3 * PER_TASK + 21])
def test_every_word_counts(count: int) -> None:
    words = np.random.default_rng(count).integers(1 << 64, size=count, dtype=np.uint64)
    assert _kernels.xor_words(words) == int(np.bitwise_xor.reduce(words))


def test_a_word_at_any_place_is_seen() -> None:
    words = np.zeros(2 * PER_TASK + 5, np.uint64)
    for place in (0, 7, PER_TASK - 1, PER_TASK, len(words) - 1):
        words[place] = place + 1
        assert _kernels.xor_words(words) == place + 1
        words[place] = 0


def test_mapped_weights_can_be_read_too(tmp_path) -> None:
    words = np.arange(5000, dtype=np.uint64)
    words.tofile(tmp_path / "weights")
    mapped = np.memmap(tmp_path / "weights", np.uint64, mode="r")
    assert _kernels.xor_words(mapped) == int(np.bitwise_xor.reduce(words))


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(TypeError):
        _kernels.xor_words(np.zeros(8, np.int64))
    with pytest.raises(ValueError, match="axes"):
        _kernels.xor_words(np.zeros((8, 8), np.uint64))
    with pytest.raises(ValueError, match="contiguous"):
        _kernels.xor_words(np.zeros(8, np.uint64)[::2])


def test_the_memory_is_touched_and_read() -> None:
    memory = probe_memory(1 << 20)
    assert memory.nbytes == 1 << 20
    assert (memory == 1).all()
    assert read_bandwidth(memory, num_passes=1) > 0


def test_two_callers_at_once_both_get_their_answer() -> None:
    words = np.random.default_rng(0).integers(1 << 64, size=4 * PER_TASK, dtype=np.uint64)
    expected = int(np.bitwise_xor.reduce(words))
    found: list[int] = []

    def read() -> None:
        found.extend(_kernels.xor_words(words) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 60
