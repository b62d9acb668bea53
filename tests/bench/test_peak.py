import sys

import numpy as np
import pytest

from ossia.bench.peak import peak_resident


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells in /proc")
def test_memory_that_was_touched_stays_counted_after_it_is_free() -> None:
    before = peak_resident()
    assert before is not None
    size = before + (64 << 20)  # the process may have had as much before
    memory = np.ones(size, np.uint8)
    del memory
    after = peak_resident()
    assert after is not None
    assert after >= size
