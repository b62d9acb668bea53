"""The list of models as OpenAI's and Anthropic's clients ask for it."""

import httpx
import openai
import pytest
from openai.types import Model


def test_openais_package_lists_and_retrieves(address) -> None:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        models = {model.id: model for model in client.models.list()}
        assert {"nano", "gpt-oss:20b"} <= set(models)
        for model in models.values():
            Model.model_validate(model.to_dict(), strict=True)
        nano = client.models.retrieve("nano")
        assert nano == models["nano"]
        assert nano.context_length == nano.max_model_len > 1000
        assert nano.owned_by == "ossia"
        assert client.models.retrieve("gpt-oss:20b").context_length == nano.context_length
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("openai/gpt-17")
        assert caught.value.code == "model_not_found"


def test_anthropics_header_asks_for_its_shape(address) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    page = httpx.get(f"{address}/v1/models", headers=headers).json()
    assert page["has_more"] is False
    assert "nano" in [model["id"] for model in page["data"]]
    model = httpx.get(f"{address}/v1/models/nano", headers=headers).json()
    assert (model["type"], model["id"]) == ("model", "nano")
