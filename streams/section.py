"""What the tables of the settings have in common."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the settings; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _without_password(url: str) -> str:
    if any(urlsplit(link).password is not None for link in url.split("::")):  # fsspec chains its stores so
        raise ValueError(
            "a password in it would be told in logs and dead letters; fsspec takes it from its own configuration, "
            "for example from FSSPEC_FTP_PASSWORD"
        )
    return url


StoreUrl = Annotated[str, AfterValidator(_without_password)]
"""Of a file store (fsspec): it is named in logs and dead letters."""
