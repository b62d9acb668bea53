"""Errors in Anthropic's words."""

import pytest
from anthropic.types import ErrorResponse

from ossia.base.errors import BusyError, InputError, OssiaError, ResourceError
from ossia.server.anthropic.errors import error_body, status_for
from ossia.server.errors import RequestError


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InputError("x"), 400, "invalid_request_error"),
        (BusyError("x"), 429, "rate_limit_error"),
        (ResourceError("x"), 529, "overloaded_error"),
        (OssiaError("x"), 500, "api_error"),
        (RequestError(401, "x", "invalid_api_key"), 401, "authentication_error"),
        (RequestError(404, "x", "model_not_found"), 404, "not_found_error"),
        (RequestError(422, "x", "other"), 422, "invalid_request_error"),
        (RequestError(503, "x", "loading"), 529, "overloaded_error"),
    ],
)
def test_every_error_has_a_status_and_a_type(
    error: RequestError | OssiaError, status: int, kind: str
) -> None:
    assert status_for(error) == status
    body = ErrorResponse.model_validate(error_body(error))
    assert (body.error.type, body.error.message) == (kind, "x")
    assert body.request_id
