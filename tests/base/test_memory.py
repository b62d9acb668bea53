import os

from ossia.base.memory import available_memory


def test_a_part_of_the_machines_memory_is_available() -> None:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < available_memory() <= total
