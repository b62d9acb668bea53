"""What a request to the house's routes may say: types and ranges, and no meaning."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Strict(BaseModel):
    """A body whose every field is known: a field that is misspelt is no field that is left out."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ModelName(_Strict):
    """The model that something is to be done with."""

    name: Name


class LoadRequest(ModelName):
    """A model that is to be in memory.

    Attributes:
        keep_alive: seconds that it stays when nobody uses it; below zero is for ever.
    """

    keep_alive: Annotated[float, Field(ge=-1, le=1e9, allow_inf_nan=False)] | None = None
