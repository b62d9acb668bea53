"""Names of GGUF files, as people on the hub spell them."""

import pytest

from ossia.hub.quantizations import is_of, is_read, label_of, whole_files


def test_the_parts_of_a_model_are_one() -> None:
    parts = tuple(f"Q8_0/x-Q8_0-{n:05}-of-00003.gguf" for n in (1, 2, 3))
    paths = ["x-F16.gguf", *parts, "x-BF16-00001-of-00002.gguf", "README.md", "x-F16.gguf.txt"]
    assert whole_files(paths) == {parts[0]: parts, "x-F16.gguf": ("x-F16.gguf",)}


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("gpt-oss-20b-mxfp4.gguf", "mxfp4"),
        ("Q8_0/gpt-oss-120b-Q8_0-00001-of-00002.gguf", "Q8_0"),
        ("gpt-oss-20b-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("x.IQ2_XXS.gguf", "IQ2_XXS"),
        ("gpt-oss-20b_MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("F16/gpt-oss-20b-00001-of-00002.gguf", "F16"),
        ("folder/model.gguf", None),
        ("model.gguf", None),
        ("gpt-oss-20b.gguf", None),
    ],
)
def test_labels(path: str, label: str | None) -> None:
    assert label_of(path) == label
    assert label is None or is_of(path, label.lower())


def test_a_quantisation_is_a_word() -> None:
    assert not is_of("x-Q4_K_M.gguf", "Q4_K")
    assert not is_of("x-BF16.gguf", "F16")
    assert is_of("BF16/x.gguf", "bf16")
    assert not is_of("x.gguf", ".*")


def test_which_are_read() -> None:
    assert all(map(is_read, ("mxfp4", "MXFP4_MOE", "Q8_0", "f16", "BF16", "F32")))
    assert not any(map(is_read, ("Q4_K_M", "UD-Q4_K_XL", "IQ2_XXS", "Q6_K")))
