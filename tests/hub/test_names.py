"""Names of models: what each spells, and what spells none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.base.errors import InputError
from ossia.hub import EMBEDDED, HubName, OwnName, parse, parse_own
from ossia.hub.names import GPT_OSS_20B, GPT_OSS_120B, short
from ossia.hub.store import folder_of


def test_nano_is_a_folder_of_the_package() -> None:
    assert EMBEDDED["nano"].parent.name == "hub"
    assert parse("nano") == OwnName("nano")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gpt-oss", GPT_OSS_20B),  # as Ollama's tag "latest"
        ("gpt-oss:20b", GPT_OSS_20B),
        ("gpt-oss-20b", GPT_OSS_20B),
        ("GPT-OSS:20B", GPT_OSS_20B),
        ("openai/gpt-oss-20b", GPT_OSS_20B),
        ("gpt-oss:120b", GPT_OSS_120B),
        ("https://huggingface.co/openai/gpt-oss-120b", GPT_OSS_120B),
        ("hf.co/openai/gpt-oss-120b/", GPT_OSS_120B),
        ("ggml-org/gpt-oss-20b-GGUF", HubName("ggml-org", "gpt-oss-20b-GGUF")),
        ("unsloth/gpt-oss-20b-GGUF:Q4_K_M", HubName("unsloth", "gpt-oss-20b-GGUF", "Q4_K_M")),
        ("pirate", OwnName("pirate")),
        ("mine:v2", OwnName("mine:v2")),
    ],
)
def test_what_a_name_spells(text: str, name: HubName | OwnName) -> None:
    assert parse(text) == name
    assert parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../x",
        "openai/../../etc/passwd",
        "openai/..",
        "openai/a..b",
        "openai/-x",
        "openai/x.",
        "openai/a--b",
        "a/b/c",
        "/etc/passwd",
        "~root/x",
        "openai\\gpt",
        "openai/gpt-oss:",
        "openai/gpt-oss:../x",
        "openai/gpt-oss:Q4/x",
        "a b",
        "a\nb",
        "a\0b",
        "a\x1b[2Jb",
        "-rf",
        ".hidden",
        "mine:a:b",
        "n" * 300,
        "openai/" + "n" * 97,
    ],
)
def test_what_spells_none_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["gpt‑oss:20b", "ореnаi/gpt-oss-20b", "gpt-oss:20b\u200b", "ｎano"]
)
def test_a_letter_that_looks_like_another_is_named(text: str) -> None:
    with pytest.raises(InputError, match=r"U\+[0-9A-F]{4} \([A-Z -]+\); names are plain ASCII"):
        parse(text)


@pytest.mark.parametrize("text", ["nano", "Nano", "gpt-oss:20b", "gpt-oss", "openai/x"])
def test_no_name_of_ones_own_hides_another(text: str) -> None:
    with pytest.raises(InputError, match="always means"):
        parse_own(text)


def test_a_short_name_is_what_people_type() -> None:
    assert short(GPT_OSS_20B) == "gpt-oss:20b"
    assert short(GPT_OSS_120B) == "gpt-oss:120b"
    assert short(HubName("a", "b", "F16")) == "a/b:F16"


@given(st.text(max_size=40) | st.from_regex(r"[a-z./:~-]{1,20}", fullmatch=True))
def test_no_text_leads_out_of_the_store(text: str) -> None:
    try:
        name = parse(text)
    except InputError:
        return
    if isinstance(name, HubName):
        models = folder_of(GPT_OSS_20B).parents[1]
        assert folder_of(name).parents[1] == models
        assert ".." not in folder_of(name).relative_to(models).parts
        assert not folder_of(name).name.startswith(".")


def test_a_quantisation_has_a_folder_of_its_own() -> None:
    folders = {folder_of(HubName("a", "b", q)) for q in (None, "F16", "Q8_0")}
    assert len(folders) == 3
