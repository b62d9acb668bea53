"""How tests run one request by itself."""

from ossia.engine import End, Engine, Output, Request, Token


def outputs(engine: Engine, request: Request) -> list[Output]:
    """All that a request is given, whoever else is there."""
    sequence, found = engine.add(request), []
    while not (found and isinstance(found[-1], End)):
        found += [output for owner, output in engine.step() if owner is sequence]
    engine.check_integrity()
    return found


def ids_of(engine: Engine, request: Request) -> list[int]:
    """The tokens that continue a request.

    Raises:
        OssiaError: it failed.
    """
    *made, end = outputs(engine, request)
    assert isinstance(end, End)
    if end.error is not None:
        raise end.error
    return [output.token_id for output in made if isinstance(output, Token)]
