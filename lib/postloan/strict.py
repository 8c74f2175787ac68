"""What every checked part of a YAML file is built on: no field but those named, none changed after reading."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a file under params/; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
