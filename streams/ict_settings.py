"""Settings of source `ict_mqtt`: which field of a logger's line is what.

The layouts that are there without a setting are those that IoTa has for the loggers of its oyster farms.
"""

from pydantic import Field

from streams.section import Section


class IctColumn(Section):
    """One field of a line: its place (0 is the time), its name, what to divide it by."""

    field: int = Field(ge=1, le=1000)
    name: str = Field(min_length=1, max_length=200)
    divisor: float = Field(1.0, gt=0, allow_inf_nan=False)
    unit: str = ""


class IctLayout(Section):
    """The lines of the devices whose names match one of the patterns (``*`` and ``[…]`` wildcards)."""

    devices: tuple[str, ...]
    columns: tuple[IctColumn, ...] = Field(min_length=1)


SUPPLY = (
    IctColumn(field=1, name="battV", divisor=1000, unit="V"),
    IctColumn(field=2, name="solV", divisor=1000, unit="V"),
)


class IctMqttSource(Section):
    """How source `ict_mqtt` reads a line; of several layouts for one device the first counts."""

    layouts: tuple[IctLayout, ...] = (
        IctLayout(
            devices=("mncm2l301", "mncm2l302"),
            columns=(
                *SUPPLY,
                IctColumn(field=12, name="awq-c4e temperature", unit="°C"),
                IctColumn(field=14, name="awq-c4e salinity"),
                IctColumn(field=17, name="awq-ph"),
            ),
        ),
        IctLayout(
            devices=("mncm2l30[3-9a]",),
            columns=(
                *SUPPLY,
                IctColumn(field=12, name="c4e temperature", unit="°C"),
                IctColumn(field=14, name="c4e salinity"),
            ),
        ),
    )
