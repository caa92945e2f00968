"""What every table of the settings has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the settings; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
