"""Lists of models in Anthropic's shape."""

from anthropic.types import ModelInfo

from ossia.server.anthropic.models import model_info, model_page


def test_a_model() -> None:
    assert ModelInfo.model_validate(model_info("nano", 1000)).max_input_tokens == 1000


def test_a_page() -> None:
    page = model_page(["a", "b"])
    assert [ModelInfo.model_validate(model).id for model in page["data"]] == ["a", "b"]
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("a", "b", False)
    assert model_page([])["first_id"] is None
