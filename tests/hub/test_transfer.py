"""Connections that are cut, slow, hanging, wrong or refused: the right bytes come, or none."""

import random
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.hub.hub_server import Fault, Hub

from ossia.base.errors import InputError, NetworkError, ResourceError
from ossia.hub import HubName, network, transfer
from ossia.hub.network import Patience
from ossia.hub.partial import PartialFile
from ossia.hub.repository import find_repository
from ossia.hub.transfer import Progress, Transfer

QUICK = Patience(first=0.001, longest=0.01)
SIZE = 3 << 20
WEIGHTS = random.Random(1).randbytes(SIZE)
FILES = {"config.json": b"{}" * 20, "x.safetensors": WEIGHTS, "empty.txt": b""}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model of gigabytes looks, in three megabytes."""
    for name, size in (
        *(("_PIECE", 1 << 19), ("_COUNTED_AT_ONCE", 1 << 16), ("_LEAST_SPLIT", 1 << 17)),
        *(("_CHUNK", 1 << 14), ("_SYNC", 0.02), ("_TICK", 0.01)),
    ):
        monkeypatch.setattr(transfer, name, size)


@pytest.fixture
def made(hub: Hub, tmp_path: Path) -> Transfer:
    return new(hub, tmp_path)


def new(hub: Hub, tmp_path: Path, patience: Patience = QUICK) -> Transfer:
    hub.add("a/b", FILES)
    repository = find_repository(HubName("a", "b"))
    (tmp_path / "pull").mkdir(exist_ok=True)
    files = [repository.files[path] for path in sorted(FILES)]
    parts = [PartialFile(file, tmp_path / "pull") for file in files]
    return Transfer(repository, [part for part in parts if not part.is_verified], patience)


def contents(tmp_path: Path) -> dict[str, bytes]:
    """The files that are said to be right, by path."""
    whole = (p for p in (tmp_path / "pull").iterdir() if p.suffix not in (".part", ".ranges"))
    return {path.name.partition("-")[2]: path.read_bytes() for path in whole}


def test_all_files_come(hub: Hub, made: Transfer, tmp_path: Path) -> None:
    steps = list(made.run())
    assert contents(tmp_path) == FILES
    last = sum(map(len, FILES.values()))
    assert steps[-1] == Progress(last, last, last)
    assert all(len(digest) == 64 for digest in made.sha256.values())
    assert made.sha256.keys() == FILES.keys()
    ranges = [asked.headers["Range"] for asked in hub.asked_for("storage")]
    assert len(ranges) > 6  # pieces, and halves of them
    assert len(set(ranges)) == len(ranges)  # none twice


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut", times=9, value=100_000),
        Fault("cut", times=2, value=0),
        Fault("drop", times=3),
        Fault("status", times=3, status=503),
        Fault("status", times=2, status=500, host="hub"),
        Fault("status", times=9, status=429, headers={"Retry-After": "0"}),
        Fault("length", times=2),
        Fault("encoding", times=2),
        Fault("whole", times=-1),
        Fault("whole", times=2),
        Fault("slow", times=2, value=400_000),
        Fault("flip", times=1, value=1234),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.times}-{fault.host}",
)
def test_faults_that_pass(hub: Hub, made: Transfer, tmp_path: Path, fault: Fault) -> None:
    hub.faults.append(fault)
    list(made.run())
    assert contents(tmp_path) == FILES


def test_no_ranges_and_cuts(
    hub: Hub, made: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that gives files only whole, and hangs up: it is gone on from where it was."""
    discarded: list[PartialFile] = []
    monkeypatch.setattr(PartialFile, "discard", discarded.append)
    hub.faults.append(Fault("whole", times=6))
    hub.faults.append(Fault("cut", times=3, value=700_000))
    list(made.run())
    assert discarded == []  # right at once, not only after a wrong hash
    assert contents(tmp_path) == FILES


def test_a_connection_that_hangs_is_replaced(
    hub: Hub, made: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "TIMEOUT", 0.3)
    hub.faults.append(Fault("hang", times=3, value=50_000))
    list(made.run())
    assert contents(tmp_path) == FILES


def test_a_connection_that_trickles_is_replaced(
    hub: Hub, made: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    monkeypatch.setattr(transfer, "_LEAST_PER_TIMEOUT", 1 << 19)
    hub.faults.append(Fault("slow", times=8, value=500_000))
    list(made.run())
    assert contents(tmp_path) == FILES
    assert len(hub.asked_for("storage")) > 8


def test_addresses_that_grow_too_old_are_asked_for_anew(
    hub: Hub, made: Transfer, tmp_path: Path
) -> None:
    hub.faults.append(Fault("slow", times=-1, value=1 << 21))
    with closing(made.run()) as steps:
        for step in steps:
            if step.num_done > SIZE * (hub.era + 1) // 9:
                hub.era += 1
            if hub.era == 4:
                hub.faults.clear()
                break
        list(steps)
    assert contents(tmp_path) == FILES
    eras = {asked.path.partition("Era=")[2][0] for asked in hub.asked_for("storage")}
    assert len(eras) > 1


def test_wrong_bytes_are_never_kept(hub: Hub, made: Transfer, tmp_path: Path) -> None:
    hub.faults.append(Fault("flip", times=-1, value=SIZE - 1))
    with pytest.raises(NetworkError, match=r"^x\.safetensors: what 127\.0\.0\.1 sends is not what"):
        list(made.run())
    assert "x.safetensors" not in contents(tmp_path)
    again = new(hub, tmp_path)
    hub.faults.clear()
    list(again.run())
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("cut", times=-1), r"the connection was cut \(tried 8 times\)"),
        (Fault("length", times=-1), r"sends bytes .*expected bytes .* \(tried 3 times\)"),
        (Fault("encoding", times=-1), r"another encoding \(tried 3 times\)"),
        (Fault("status", times=-1), r"busy or broken \(503\) \(tried 8 times\)"),
        (Fault("status", times=-1, status=403), r"refuses what the hub led to \(403\)"),
        (
            Fault("status", status=429, host="hub", headers={"Retry-After": "7200"}),
            "it asks to come back in 7,200 s",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_patience_ends(hub: Hub, made: Transfer, fault: Fault, told: str) -> None:
    hub.faults.append(fault)
    with pytest.raises(NetworkError, match=told) as caught:
        list(made.run())
    assert "\n" not in str(caught.value)


def test_what_a_hub_asks_for_holds_for_all(hub: Hub, tmp_path: Path) -> None:
    made = new(hub, tmp_path)
    hub.faults.append(Fault("status", status=429, headers={"Retry-After": "1"}, host="hub"))
    list(made.run())
    assert contents(tmp_path) == FILES
    times = [asked for asked in hub.asked if "resolve/" in asked.path]
    assert len(times) < 20  # nobody asked in the meantime, again and again


def test_trouble_is_told(hub: Hub, made: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_QUIET", 0.05)
    headers = {"Retry-After": "1"}
    hub.faults.append(Fault("status", times=1, status=429, headers=headers, host="hub"))
    notes = {step.note for step in made.run() if step.note}
    assert any("busy or broken (429); waiting" in note for note in notes)


def test_a_licence_that_is_withdrawn_meanwhile(hub: Hub, made: Transfer) -> None:
    hub.repositories["a/b"].is_gated = True
    with pytest.raises(InputError, match="a/b is gated"):
        list(made.run())


def test_stopped_it_goes_on_later(hub: Hub, tmp_path: Path) -> None:
    hub.faults.append(Fault("slow", times=-1, value=1 << 20))
    with closing(new(hub, tmp_path).run()) as steps:
        for step in steps:
            if step.num_done > SIZE // 3:
                break
    assert not [t for t in threading.enumerate() if "_safely" in t.name]
    hub.faults.clear()
    hub.asked.clear()
    again = new(hub, tmp_path)
    first = next(steps := again.run())
    assert first.num_done > SIZE // 4
    list(steps)
    assert contents(tmp_path) == FILES
    asked = [asked.headers["Range"].removeprefix("bytes=") for asked in hub.asked_for("storage")]
    stretches = [[int(number) for number in text.split("-")] for text in asked]
    assert min(start for start, _ in stretches) > 0


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_faults(hub: Hub, tmp_path: Path, seed: int) -> None:
    """Stopped and taken up again, with faults of every kind: the right bytes, or an error."""
    chance = random.Random(seed)
    done = False
    for _ in range(60):
        hub.faults[:] = mixture(chance)
        limit = time.monotonic() + chance.uniform(0.02, 0.5)
        try:
            with closing(new(hub, tmp_path).run()) as steps:
                for _ in steps:
                    if time.monotonic() > limit:
                        break
                else:
                    done = True
                    break
        except NetworkError:
            pass
        found = contents(tmp_path)
        assert all(FILES[path] == data for path, data in found.items())
    assert done
    assert contents(tmp_path) == FILES


def mixture(chance: random.Random) -> list[Fault]:
    kinds = {
        "cut": range(500_000),
        "flip": range(SIZE),
        "slow": range(100_000, 5_000_000),
        "drop": [0],
        "status": [0],
        "length": [0],
        "whole": [0],
    }
    return [
        Fault(kind, times=chance.randrange(4), value=chance.choice(kinds[kind]))
        for kind in chance.choices([*kinds], k=3)
    ]


def test_a_full_disk(hub: Hub, made: Transfer, tmp_path: Path) -> None:
    """Files may have no more than so many bytes: the system's own error, in a thread."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(ResourceError, match=r"^no room left on the disk \(File too large\)"):
            list(made.run())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    list(new(hub, tmp_path).run())
    assert contents(tmp_path) == FILES


def test_bytes_that_others_take_away_are_fetched_again(hub: Hub, tmp_path: Path) -> None:
    made = new(hub, tmp_path)
    hub.faults.append(Fault("slow", times=-1, value=1 << 20))
    taken = False
    for step in made.run():
        if not taken and step.num_done > SIZE // 2:
            (part,) = (tmp_path / "pull").glob("*x.safetensors.part")
            part.write_bytes(b"")
            taken = True
            hub.faults.clear()
    assert taken
    assert contents(tmp_path) == FILES
