"""Licences: what the hub said, what a README's front matter says, or nothing."""

from pathlib import Path

import pytest
from tests.hub.conftest import pulled

from ossia.hub import HubName, find
from ossia.hub.licence import licence_of


def test_of_a_pulled_model_and_of_nano() -> None:
    pulled(HubName("openai", "gpt-oss-20b"))
    assert licence_of(find("gpt-oss:20b")) == "apache-2.0"
    assert licence_of(find("nano")) == "apache-2.0"


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: mit\ntags: [a]\n---\n# x\n", "mit"),
        ("---\nlicense: 'apache-2.0'\n---\n", "apache-2.0"),
        ("# x\nlicense: mit\n", None),
        ("---\ntags: [a]\n---\nlicense: mit\n", None),
        ("", None),
    ],
)
def test_a_readme_says_it_in_its_head(tmp_path: Path, readme: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_text(readme)
    assert licence_of(find(str(tmp_path))) == licence
