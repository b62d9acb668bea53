"""Types to JSON Schemas, through pydantic. Imported only where a script gives types."""

from typing import Any

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from ossia.base.errors import InputError


class Generator(GenerateJsonSchema):
    """Schemas as models read them well.

    No titles that only repeat names, and no properties beyond those of a type, which would be
    ignored: a model that may add more does not know when to stop.
    """

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never: names say it."""
        return False

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """Of a pydantic model."""
        return _closed(super().model_schema(schema))

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        """Of a dataclass."""
        return _closed(super().dataclass_schema(schema))

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        """Of a TypedDict."""
        return _closed(super().typed_dict_schema(schema))

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        """The whole document."""
        document = super().generate(schema, mode)
        for each in (document, *document.get("$defs", {}).values()):
            each.pop("title", None)
        return document


def schema_of(kind: Any) -> JsonSchemaValue:
    """The JSON Schema of a type.

    Raises:
        InputError: there is none.
    """
    try:
        return TypeAdapter(kind).json_schema(schema_generator=Generator)
    except (PydanticUserError, PydanticUndefinedAnnotation, AttributeError, TypeError) as error:
        why = getattr(error, "message", str(error)).splitlines()[0]
        raise InputError(f"no schema can be made of {kind!r:.80}: {why:.120}") from None


def _closed(schema: JsonSchemaValue) -> JsonSchemaValue:
    if schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema
