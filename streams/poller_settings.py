"""Settings of what asks other systems: the pollers, and the registry's questions about new devices."""

from typing import Annotated

from pydantic import Field, SecretStr

from streams.section import Section

Url = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]
Seconds = Annotated[float, Field(ge=0.05)]


class TtnApiSettings(Section):
    """Where the registry asks for names and places of new TTN devices; it asks when both are set."""

    url: Url | None = Field(None, description="of the cluster, for example https://eu1.cloud.thethings.network")
    token: SecretStr | None = Field(None, description="an API key that may read the applications' devices")
    timeout_s: float = Field(10, gt=0)
    attempts: int = Field(5, ge=1, le=20, description="per device, until the next start")


class EagleioPoller(Section):
    """ICT's EagleIO: the present values of an account's points."""

    token: SecretStr | None = Field(None, description="the account's API key")
    url: Url = "https://api.eagle.io"
    period_s: Seconds = 300


class GreenBrainAccount(Section):
    """Whom the poller logs in as."""

    username: str
    password: SecretStr


class GreenBrainPoller(Section):
    """Green Brain: the latest values of every sensor group of the accounts."""

    accounts: tuple[GreenBrainAccount, ...] = ()
    url: Url = "https://api.greenbrain.net.au/v3"
    period_s: Seconds = 3600


class AxisTechPoller(Section):
    """AxisTech weather stations: the rows since the last poll."""

    token: SecretStr | None = None
    url: Url = "https://data.exchange.axisstream.co/"
    period_s: Seconds = 1800
    lookback_days: int = Field(5, ge=1, le=60, description="rows that come later than this are not asked for")


class PollersSettings(Section):
    """The pollers; each runs when its credentials are set."""

    ict_eagleio: EagleioPoller = EagleioPoller()
    greenbrain: GreenBrainPoller = GreenBrainPoller()
    axistech: AxisTechPoller = AxisTechPoller()
    timeout_s: float = Field(30, gt=0, description="for a whole answer")
    max_answer_mb: int = Field(32, ge=1, description="a longer answer is a fault")
    attempts: int = Field(4, ge=1, le=20, description="within a period; then it waits for the next")
    spool: bool = Field(default=True, description="take over to disk when Kafka does not confirm in time")
    health_port: int = Field(0, ge=0, le=65535, description="0: the local stack gives each poller its own")

    @property
    def enabled(self) -> tuple[str, ...]:
        """The sources whose pollers have what they need."""
        credentials = {
            "ict_eagleio": self.ict_eagleio.token,
            "greenbrain": self.greenbrain.accounts,
            "axistech": self.axistech.token,
        }
        return tuple(name for name, given in credentials.items() if given)
