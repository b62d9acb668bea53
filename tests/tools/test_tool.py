import json

from ossia.tools import Call, Result


def test_what_comes_of_a_call_is_plain() -> None:
    result = Result("5", details={"status": "ok"})
    assert not result.is_error
    assert json.loads(json.dumps(dict(result.details))) == {"status": "ok"}
    assert Call("python", "2 + 3") == Call("python", "2 + 3")
