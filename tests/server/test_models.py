"""Models on demand, with nano as every one of them."""

import asyncio
import math
import re
import shutil
import threading
import time

import pytest

from ossia.base.errors import InputError, OssiaError, ResourceError
from ossia.chat import ChatModel
from ossia.hub import EMBEDDED
from ossia.server import models as models_module
from ossia.server.errors import RequestError
from ossia.server.models import LocalModels


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("OSSIA_HOME", str(tmp_path / "home"))


@pytest.fixture
def copies(tmp_path):
    """Three models that are files of their own."""
    for name in "abc":
        shutil.copytree(EMBEDDED["nano"], tmp_path / name)
    return {name: str(tmp_path / name) for name in "abc"}


def run(work, names=None, **options):
    """Has some work done with models that are closed after it."""

    async def working():
        models = LocalModels(names or {}, context=512, **options)
        watch = asyncio.create_task(models.keep_watch())
        try:
            return await work(models)
        finally:
            watch.cancel()
            await models.aclose(0)

    return asyncio.run(working())


def names_of(models: LocalModels) -> list[str]:
    return [loaded.name for loaded in models.loaded()]


def test_a_model_is_loaded_when_it_is_asked_for_and_once() -> None:
    async def work(models):
        assert models.loaded() == []

        async def use():
            async with models.lease("nano") as model:
                await asyncio.sleep(0.01)
                return model

        found = await asyncio.gather(*(use() for _ in range(5)))
        assert len(set(map(id, found))) == 1
        (loaded,) = models.loaded()
        assert (loaded.name, loaded.num_requests, loaded.context) == ("nano", 0, 512)
        assert 290 < loaded.seconds_left <= 300

    run(work)


def test_other_names_lead_to_the_same_model(copies) -> None:
    async def work(models):
        async with models.lease("gpt-4o") as one, models.lease("nano") as two:
            assert one is two
        assert {"gpt-4o", "nano"} <= set(models.names())
        assert models.meaning("gpt-4o") == "nano"
        assert models.meaning("nano") is None
        async with models.lease("a") as other:
            assert other is not one

    run(work, {"gpt-4o": "nano", "a": copies["a"]})


@pytest.mark.parametrize(
    "name", ["nobody", "", "../nano", "/etc/passwd", "./x", "a" * 999, "gpt-oss:20b", "~/x", "x\n"]
)
def test_what_clients_may_not_ask_for_is_not_there(name: str) -> None:
    async def work(models):
        with pytest.raises(RequestError) as caught:
            async with models.lease(name):
                pass
        assert caught.value.status == 404
        assert "\n" not in caught.value.message
        with pytest.raises(InputError):
            models.check(name)

    run(work)


def test_a_file_here_that_has_no_name_cannot_be_asked_for(copies, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)  # where folders are called as names are
    assert copies

    async def work(models):
        with pytest.raises(RequestError, match="ossia import"):
            async with models.lease("a"):
                pass

    run(work)


def test_an_unused_model_goes_when_its_time_is_over() -> None:
    async def work(models):
        async with models.lease("nano"):
            await asyncio.sleep(0.3)
            assert names_of(models) == ["nano"]  # never while it is used
        while names_of(models):  # the test's time limit is the limit
            await asyncio.sleep(0.05)
        async with models.lease("nano", keep_alive=-1):
            pass
        await asyncio.sleep(0.3)
        assert models.loaded()[0].seconds_left == math.inf

    run(work, keep_alive=0.1)


def test_a_model_is_let_go_on_request_unless_it_is_used() -> None:
    async def work(models):
        assert not await models.unload("nano")
        async with models.lease("nano"):
            assert not await models.unload("nano")
        assert await models.unload("nano")
        assert models.loaded() == []
        async with models.lease("nano"):  # and loaded again
            assert names_of(models) == ["nano"]

    run(work)


def test_the_least_recently_used_goes_for_another(copies, monkeypatch) -> None:
    size, kv_bytes = sum(path.stat().st_size for path in EMBEDDED["nano"].iterdir()), 0

    def fits(nbytes: int) -> bool:  # two with what their conversations take, and no third
        return nbytes < 2.5 * size + 2 * kv_bytes

    monkeypatch.setattr(models_module, "fits_memory", fits)

    async def work(models):
        nonlocal kv_bytes
        async with models.lease("a"):
            kv_bytes = models.loaded()[0].kv_bytes
        assert kv_bytes > 0
        for name in ("a", "b", "a", "c"):
            async with models.lease(name):
                pass
        assert sorted(names_of(models)) == ["a", "c"]
        async with models.lease("a"), models.lease("c"):
            with pytest.raises(ResourceError, match="models that answer now"):
                async with models.lease("b"):
                    pass
        async with models.lease("b"):
            pass

    run(work, copies)


def test_a_model_that_cannot_be_loaded_is_an_error_and_may_work_later(copies, tmp_path) -> None:
    config = tmp_path / "a" / "config.json"
    whole = config.read_text()
    config.write_text("{}")

    async def work(models):
        with pytest.raises(InputError):
            async with models.lease("a"):
                pass
        assert models.loaded() == []
        config.write_text(whole)
        async with models.lease("a"):
            assert names_of(models) == ["a"]

    run(work, copies)


def slowly(monkeypatch, packing: bool = False) -> list[str]:
    """Has models load slowly; returns what was loaded."""
    loads, load = [], ChatModel.load

    def slow(name, **options):
        loads.append(name)
        for done in range(10 if not packing else 10_000):
            options["packing"](done, 10_000)
            time.sleep(0.02)
        return load(name, **options)

    monkeypatch.setattr(ChatModel, "load", slow)
    return loads


def test_a_model_whose_asker_left_while_it_loaded_is_there_for_the_next(monkeypatch) -> None:
    loads = slowly(monkeypatch)

    async def use(models):
        async with models.lease("nano") as model:
            return model

    async def work(models):
        left = asyncio.create_task(use(models))
        await asyncio.sleep(0.05)
        (loading,) = models.loading()
        assert loading.name == "nano"
        assert 0 <= loading.share < 1
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert await use(models) is models.in_memory()[0][1]
        assert models.loading() == []
        assert len(loads) == 1
        assert models.loaded()[0].num_requests == 0

    run(work)


def test_a_model_that_everybody_left_while_it_loaded_goes_in_time(monkeypatch) -> None:
    slowly(monkeypatch)

    async def work(models):
        left = asyncio.create_task(models.lease("nano").__aenter__())
        await asyncio.sleep(0.05)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        while models.loading() or models.loaded():  # the test's time limit is the limit
            await asyncio.sleep(0.02)

    before = threading.active_count()
    run(work, keep_alive=0.05)
    assert threading.active_count() <= before  # its engine's thread ended


def test_the_end_does_not_wait_until_a_model_is_packed(monkeypatch) -> None:
    slowly(monkeypatch, packing=True)

    async def work(models):
        asked = asyncio.create_task(models.lease("nano").__aenter__())
        await asyncio.sleep(0.05)
        await models.aclose(0)
        with pytest.raises(OssiaError, match="the server ends"):
            await asked

    run(work)


def test_what_a_model_takes_is_told_when_it_loads(caplog) -> None:
    async def work(models):
        async with models.lease("nano"):
            pass

    with caplog.at_level("INFO", "ossia.server"):
        run(work)
    (told,) = [line for line in caplog.messages if line.startswith("loaded nano")]
    assert re.search(
        r"KV cache \d+\.\d GB for [\d,]+ tokens, such as of conversations \d+ of 512$", told
    )


def test_room_is_made_for_a_model_that_takes_more_than_was_thought(copies, monkeypatch) -> None:
    load, is_full = ChatModel.load, True

    def limited(name, **options):
        if name.endswith("b") and is_full:
            raise ResourceError("too much")
        return load(name, **options)

    monkeypatch.setattr(ChatModel, "load", limited)

    async def work(models):
        nonlocal is_full
        async with models.lease("a"):
            with pytest.raises(ResourceError):  # nobody is in the way who could go
                async with models.lease("b"):
                    pass
        with pytest.raises(ResourceError):
            async with models.lease("b"):
                pass
        assert names_of(models) == []  # all that could go went for it
        is_full = False
        async with models.lease("b"):
            assert names_of(models) == ["b"]

    run(work, copies)
