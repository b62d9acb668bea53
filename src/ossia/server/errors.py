"""Errors to HTTP: which status, and what a client is told. Every dialect shapes its own body."""

from ossia.base.errors import BusyError, InputError, OssiaError, ResourceError


class RequestError(Exception):
    """A request that is refused.

    Attributes:
        status: of HTTP.
        code: one word for programs.
        param: the field that is wrong.
        retry_after: seconds after which it may work; None where nothing is known of that.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after


def status_of(error: OssiaError) -> int:
    """The status of an error of the rooms below."""
    if isinstance(error, InputError):
        return 400
    if isinstance(error, BusyError):
        return 429
    return 503 if isinstance(error, ResourceError) else 500
