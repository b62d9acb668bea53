"""The OpenAPI document is true: schemathesis asks all that it says may be asked, and more."""

from collections.abc import Iterator

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route
from tests.server.process import server_process

from ossia.server.openapi import openapi

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 12
"""Requests of each kind to each address: what may be asked, and what may not."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose models may be loaded and let go."""
    with server_process(tmp_path_factory.mktemp("openapi")) as url:
        yield url


def test_every_route_is_told(served: str) -> None:
    document = httpx.get(f"{served}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]["/ossia/chats/{id}"]) == {"get", "patch", "delete"}
    assert "/v1/models/{name}" in document["paths"]
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert name
    body = document["paths"]["/v1/responses"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/ResponseRequest"}


def test_a_route_that_nobody_told_of_is_refused() -> None:
    async def nothing(_: object) -> None: ...

    with pytest.raises(KeyError):
        openapi([Route("/v1/unheard", nothing)])
    assert openapi([Route("/index.html", nothing)])["paths"] == {}  # the page's


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.timeout(300)
def test_no_request_is_answered_with_a_failure_or_untruth(served: str, mode: object) -> None:
    api = schemathesis.openapi.from_url(f"{served}/openapi.json")
    few = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    num_asked = num_done = 0
    for found in api.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # nothing of it can be wrong

        @few
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            nonlocal num_asked, num_done
            num_asked += 1
            if isinstance(case.body, dict) and "name" not in case.path_parameters:
                case.body |= {"model": "nano"} if "model" in case.body else {}
            response = case.call(timeout=60)
            num_done += response.status_code < 300
            case.validate_response(response, checks=CHECKS)

        ask()
    assert num_asked > 200
    assert num_done > 20 or mode is GenerationMode.NEGATIVE  # not all was refused
    assert httpx.get(f"{served}/health").json()["status"] == "ok"
