"""Settings: one frozen value, built once, from ``isthmus.toml`` and ``ISTHMUS_…`` variables, every fault reported at once.

A variable wins over the file: ``ISTHMUS_KAFKA__BOOTSTRAP_SERVERS`` is ``bootstrap_servers`` of table ``[kafka]``.
A secret may come from a file: ``ISTHMUS_UBIDOTS__TOKEN_FILE=/run/secrets/ubidots`` fills ``ubidots.token``.
The defaults are those of the local stack, which needs no file.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from streams import mqtt_filter
from streams.ict_settings import IctMqttSource
from streams.poller_settings import PollersSettings, TtnApiSettings
from streams.section import Section, StoreUrl
from streams.source_settings import CsvLayout, JsonMapping

CONFIG_VARIABLE = "ISTHMUS_CONFIG"
CLIENT_VARIABLES = ("ISTHMUS_HOST", "ISTHMUS_PROFILE", "ISTHMUS_TOKEN", "ISTHMUS_CA_FILE")
"""Of commands that speak to an API elsewhere; no settings of a process."""
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """One message that lists every fault of the settings."""


class KafkaSettings(Section):
    """The Kafka-compatible log."""

    bootstrap_servers: str = "127.0.0.1:29092"
    prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="put before topic and group names")
    partitions: int = Field(4, ge=1, le=256, description="of raw, readings, aggregates; never changed afterwards")
    replication: int = Field(1, ge=1)
    raw_retention_hours: int = Field(-1, ge=-1, description="-1: for ever")
    max_record_bytes: int = Field(16_000_000, ge=1_000, description="larger records are diverted")
    schema_directory: Path | None = Field(None, description="<id>.avsc files for values in Confluent framing")
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ca_file: Path | None = None


class DiversionSettings(Section):
    """Where bodies go that Kafka refuses."""

    url: StoreUrl = Field(
        "var/diverted",
        description="local directory or any fsspec URL; what a URL's store does not take goes to spool.directory/diverted",
    )


class SpoolSettings(Section):
    """The disk queue that takes over when Kafka does not confirm in time."""

    directory: Path = Path("var/spool")
    quota_mb: int = Field(512, ge=1)
    takeover_s: float = Field(2.0, gt=0, description="wait this long for Kafka before spooling")


class Subscription(Section):
    """One MQTT topic filter and the source that its messages belong to; with a pattern, only those that match it."""

    filter: str
    source: str
    qos: Literal[0, 1] = Field(1, description="2 would be answered before the record is durable")
    pattern: str | None = Field(
        None, description="regular expression of whole topics: what matches is the source's, the rest is left to others"
    )

    @model_validator(mode="after")
    def _well_formed(self) -> "Subscription":
        fault = mqtt_filter.fault(self.filter)
        if fault:
            raise ValueError(f"filter {self.filter!r} {fault}")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"pattern {self.pattern!r} is no regular expression: {error}") from error
        return self


class MqttBroker(Section):
    """One MQTT broker to read from."""

    name: str = "local"
    host: str = "127.0.0.1"
    port: Port = 21883
    client_id: str = "isthmus"
    session_expiry_s: int = Field(7 * 86400, ge=0)
    receive_maximum: int = Field(1000, ge=1, le=65535, description="messages unacknowledged at a time")
    keepalive_s: int = Field(30, ge=5, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    spool: bool = Field(False, description="only for brokers with small or volatile queues")
    subscriptions: tuple[Subscription, ...] = (
        Subscription(filter="YDOC/#", source="ydoc"),
        Subscription(filter="wombat", source="wombat"),
        Subscription(filter="dragino_up", source="dragino_json"),
        Subscription(filter="ict/data/+", source="ict_mqtt"),
        Subscription(filter="json/#", source="json"),
        Subscription(filter="csv/#", source="csv"),
        Subscription(filter="v3/+/devices/+/up", source="ttn"),
        Subscription(filter="application/+/device/+/event/+", source="chirpstack"),
        Subscription(filter="spBv1.0/#", source="sparkplug"),
        Subscription(filter="points/#", source="points"),
        Subscription(filter="phr/#", source="points"),
        Subscription(filter="sim/#", source="factory"),
        Subscription(filter="picow/#", source="factory"),
        Subscription(filter="signed/#", source="signed"),
        Subscription(filter="sensors/#", source="signed"),
    )

    @model_validator(mode="after")
    def _no_overlap(self) -> "MqttBroker":
        for at, one in enumerate(self.subscriptions):
            for other in self.subscriptions[at + 1 :]:
                if mqtt_filter.overlap(one.filter, other.filter):
                    raise ValueError(
                        f"filters {one.filter!r} and {other.filter!r} overlap: a message that matches both would come "
                        "twice or with an unclear source; narrow one, or give it a broker entry of its own with its own "
                        "client_id (a pattern does not help: the broker knows filters only)"
                    )
        return self

    @model_validator(mode="after")
    def _tls_and_login_complete(self) -> "MqttBroker":
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("ca_file, cert_file and key_file need tls = true")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file")
        if self.password and self.username is None:
            raise ValueError("password needs username")
        return self


class MqttSettings(Section):
    """The MQTT connector."""

    name: str = Field("mqtt", description="of this instance; part of every record's connector")
    brokers: tuple[MqttBroker, ...] = (MqttBroker(),)
    max_in_process: int = Field(20_000, ge=1, description="records held in the process, over all connections")
    max_in_process_mb: int = Field(256, ge=1, description="their bytes; a door that holds more stops reading")
    health_port: Port = 25701

    @model_validator(mode="after")
    def _distinct_brokers(self) -> "MqttSettings":
        names = [broker.name for broker in self.brokers]
        sessions = [(broker.host, broker.port, broker.client_id) for broker in self.brokers]
        if len(set(names)) < len(names):
            raise ValueError(f"brokers need names of their own: {', '.join(names)}")
        if len(set(sessions)) < len(sessions):
            raise ValueError("two entries with one host, port and client_id would cut each other's connection for ever")
        return self


class WebhookAuth(Section):
    """How a source's sender proves itself; exactly one of the three."""

    bearer: SecretStr | None = None
    basic: SecretStr | None = Field(None, description="user:password")
    hmac: SecretStr | None = Field(None, description="key of the HMAC-SHA256 over the raw body")
    hmac_header: str = "X-Signature"

    @model_validator(mode="after")
    def _exactly_one(self) -> "WebhookAuth":
        given = [one.get_secret_value() for one in (self.bearer, self.basic, self.hmac) if one is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of bearer, basic, hmac")
        if not given[0]:
            raise ValueError("an empty secret proves nothing")
        if self.basic and not given[0].partition(":")[2]:
            raise ValueError("basic must be user:password")
        return self


class WebhookSettings(Section):
    """The webhook connector."""

    name: str = Field("webhook", description="of this instance; part of every record's connector")
    host: str = "127.0.0.1"
    port: Port = 5688
    sources: tuple[str, ...] = (
        *("ttn", "wombat", "ydoc", "dragino_json", "json", "csv"),
        *("chirpstack", "vibration", "points", "factory", "signed"),
    )
    auth: dict[str, WebhookAuth] = Field(default_factory=dict, description="by source; a source without is open")
    max_body_bytes: int = Field(32_000_000, ge=1, description="what Kafka does not take of it is diverted")
    body_timeout_s: float = Field(20, gt=0, description="a sender that needs longer for headers or body gets 408")
    max_in_process: int = Field(2_000, ge=1, description="requests under way; more get 503")
    max_in_process_mb: int = Field(256, ge=1, description="their bodies; more get 503")
    max_connections: int = Field(
        4_000, ge=1, description="open at a time, idle ones too; more get 503, or over TLS are closed"
    )
    spool: bool = Field(True, description="take over to disk when Kafka does not confirm in time")
    kept_headers: tuple[str, ...] = ("content-type", "content-encoding", "user-agent", "x-request-id")
    kept_parameters: tuple[str, ...] = Field(("event",), description="of the query; ChirpStack names its event there")
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = Field(
        None, description="only senders with a certificate of this authority get in; needs tls_cert_file"
    )
    health_port: Port = 25702

    @model_validator(mode="after")
    def _consistent(self) -> "WebhookSettings":
        unknown = sorted(set(self.auth) - set(self.sources))
        if unknown:
            raise ValueError(f"auth of a source that is not in sources: {', '.join(unknown)}")
        if self.tls_key_file and not self.tls_cert_file:
            raise ValueError("tls_key_file needs tls_cert_file")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("tls_client_ca_file needs tls_cert_file")
        return self


class JsonSource(Section):
    """How source `json` reads an object: dotted paths; ``values`` empty means every number, text and bool."""

    device: tuple[str, ...] = ("device", "device_id", "id")
    time: tuple[str, ...] = ("time", "timestamp", "ts")
    values: str = Field("values", description="path of the object with the values; '' is the top level")
    mappings: tuple[JsonMapping, ...] = Field((), description="for what has another shape; the first that fits counts")


class CsvSource(Section):
    """How source `csv` reads tables."""

    layouts: tuple[CsvLayout, ...] = (CsvLayout(),)


class DecodeSettings(Section):
    """Decoders and the decode agent."""

    instance: int = Field(0, ge=0, description="replica number; unique per worker")
    batch_max: int = Field(2000, ge=1)
    future_limit_s: int = Field(3600, ge=0, description="times later than receipt by more are dead letters")
    ydoc_utc_offset_minutes: int = Field(600, ge=-840, le=840)
    ttn_normalized: Literal["add", "instead", "ignore"] = Field(
        "add", description="The Things Stack's normalised payload: beside the decoded one, instead of it, or not at all"
    )
    json_source: JsonSource = JsonSource()
    ict_mqtt: IctMqttSource = IctMqttSource()
    csv_source: CsvSource = CsvSource()
    seen_interval_s: int = Field(30, ge=0, description="a device's 'seen' event is repeated after this time")
    memories_mb: int = Field(
        64, ge=1, description="what senders define (Sparkplug's births) that is remembered of a raw partition; one may take a "
        "quarter, more is refused; after a change: isthmus memories rebuild"
    )  # fmt: skip
    lpp_applications: tuple[str, ...] = Field(
        ("simulated", "lpp", "*-lpp"),
        description="TTN applications (* wildcards) whose uplinks are Cayenne LPP when nobody else decodes them",
    )
    network_server_decode: Literal["registered-codec-first", "network-server-first", "compare"] = Field(
        "registered-codec-first",
        description="what counts where the network server has decoded, too; compare: its values, differences are marked",
    )
    network_server_rescues: bool = Field(
        default=False, description="where the registered codec fails, take what the network server decoded"
    )
    javascript_workers: int = Field(
        1, ge=1, le=64, description="processes that run JavaScript codecs, per process that decodes"
    )
    javascript_ms: int = Field(100, ge=1, le=10_000, description="CPU time that a codec may take for one payload")
    javascript_mb: int = Field(32, ge=4, le=1_024, description="memory that a codec may take")
    javascript_kept: int = Field(500, ge=1, description="codecs that a process keeps loaded …")
    javascript_budget_mb: int = Field(256, ge=64, description="… as long as it needs no more memory than this")
    health_port: Port = 25710


class WindowSettings(Section):
    """The window agent."""

    instance: int = Field(0, ge=0)
    base_s: tuple[int, ...] = (60, 300)
    batch_max: int = Field(2000, ge=1)
    fold_tolerance_s: int = Field(120, ge=0, description="how late a point may come and still be folded in memory")
    grace_s: int = Field(60, ge=0, description="how far the clocks of brokers may differ")
    emit_interval_s: float = Field(1.0, gt=0)
    memory_mb: int = Field(256, ge=1, description="of open windows; beyond it the oldest are left to the store")
    health_port: Port = 25720

    @model_validator(mode="after")
    def _whole_parts_of_an_hour(self) -> "WindowSettings":
        if not self.base_s or any(s <= 0 or 3600 % s for s in self.base_s):
            raise ValueError("base_s: every length must divide an hour")
        return self


class ClickHouseSettings(Section):
    """The store."""

    url: str = "http://127.0.0.1:28123"
    database: str = Field("isthmus", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    user: str = "default"
    password: SecretStr = SecretStr("")
    batch_rows: int = Field(50_000, ge=1)
    batch_s: float = Field(0.5, gt=0, description="a row waits at most this long for others")
    rollup_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of the time, for rollups; what is not rolled up yet is not committed, and a replay waits for it",
    )


class FilesSettings(Section):
    """The file sink, the raw archive, device logs."""

    directory: Path = Path("var/files")
    layout: Literal["segments", "iota", "both"] = "both"
    sources: tuple[str, ...] = Field((), description="only these; empty: every source")
    segment_s: int = Field(3600, ge=1, description="a segment holds what came in one such part of time")
    permissive: bool = Field(True, description="modes 0777 and 0666, so that other users' programs take the files away")
    archive: Path = Path("var/archive")
    archive_file_mb: int = Field(256, ge=1, description="an archive file is closed at this size …")
    archive_file_s: int = Field(3600, ge=1, description="… or when its first record is this old")
    archive_copy: StoreUrl | None = Field(None, description="fsspec URL that closed archive files are copied to")
    device_logs: Path = Field(Path("var/device-logs"), description="of sink `device-logs`: a file per device and day")


class UbidotsSettings(Section):
    """The Ubidots sink; it runs only when a token is set."""

    token: SecretStr | None = None
    url: str = "https://industrial.api.ubidots.com.au"
    requests_per_s: float = Field(3.3, gt=0)
    max_body_bytes: int = Field(10_000, ge=1_000)
    sources: tuple[str, ...] = ()


class SinkSettings(Section):
    """What every sink runner shares."""

    health_port: Port = Field(0, description="0: the local stack gives each sink its own")
    queue_mb: int = Field(64, ge=1, description="bound of prefetched bytes")
    instance: int | None = Field(0, ge=0, description="replica number, unique per sink; none: not a static member")


class ReplaySettings(Section):
    """Replays, and the process that runs them."""

    processes: int = Field(1, ge=0, le=64, description="that decode; 0: decode in the replay's own process")
    records_per_s: int = Field(0, ge=0, description="at most so many raw records each second; 0: no limit of its own")
    pause_lag: int = Field(
        50_000, ge=1, description="records that live decoding or the store may lag; more pauses it …"
    )
    resume_lag: int = Field(10_000, ge=0, description="… until they lag no more than this")
    pause_insert_s: float = Field(5.0, gt=0, description="an insert into the store that takes longer pauses it")
    keep_days: int = Field(30, ge=1, description="an applied replay can be undone, and its rows looked at, for so long")
    place_after_s: float = Field(5.0, ge=0, description="points are placed anew so long after the last mapping change")
    nice: int = Field(19, ge=0, le=19, description="19: live processes get the processor first; 0: all are equal")
    api_url: str | None = Field(None, description="of the registry API; default: on this machine, at api.port")
    token: SecretStr | None = Field(None, description="for that API; default: the operator's token on this machine")
    health_port: Port = 25740

    @model_validator(mode="after")
    def _hysteresis(self) -> "ReplaySettings":
        if self.resume_lag >= self.pause_lag:
            raise ValueError("resume_lag must be below pause_lag")
        return self


class ApiSettings(Section):
    """The registry API."""

    host: str = "127.0.0.1"
    port: Port = 5687
    token_days: int = Field(90, ge=1, description="how long a login lasts, and a token without days of its own")
    proxies: list[str] = Field(
        ["127.0.0.1"], description="addresses or networks of proxies before it: their X-Forwarded-For tells who calls"
    )
    seen_every_s: float = Field(
        30, gt=0, description="how often last_seen and what devices say of themselves is written"
    )
    device_limit: int = Field(
        100_000, ge=1, description="of one source that register themselves; further ones are stored and reported only"
    )
    max_body_bytes: int = Field(64_000_000, ge=1_000, description="more gets 413")
    body_timeout_s: float = Field(60, gt=0, description="a caller that needs longer for headers or body gets 408")
    max_in_process: int = Field(256, ge=1, description="requests under way; more get 503")
    max_in_process_mb: int = Field(256, ge=1, description="their bodies; more get 503")
    max_connections: int = Field(2_000, ge=1, description="open at a time, idle ones too; more get 503")
    directory: Path = Field(Path("var/api"), description="holds the token of `isthmus users` on this machine")
    late_h: float = Field(6, gt=0, description="a device that has been silent for longer is shown as late …")
    missing_h: float = Field(12, gt=0, description="… and for longer than this, or always, as missing")


class StackSettings(Section):
    """The local stack (no Docker)."""

    directory: Path = Path("var/stack")
    mqtt_broker: Literal["artemis", "mosquitto"] = "artemis"
    kafka_port: Port = 29092
    kafka_controller_port: Port = 29093
    mqtt_port: Port = 21883
    clickhouse_port: Port = 28123
    decode_workers: int = Field(1, ge=1)
    window_workers: int = Field(1, ge=1)
    maven_mirror: str | None = Field(None, description="URL of a Maven mirror; default Maven Central")
    jar_cache: Path | None = Field(None, description="default: isthmus/jars in the user's cache directory")


class HealthSettings(Section):
    """Where processes answer /healthz, /readyz and /metrics (the API answers them at its own address)."""

    host: str = Field("127.0.0.1", description="0.0.0.0 where Prometheus or probes ask from elsewhere")


class WatchdogSettings(Section):
    """The watchdogs of all processes."""

    stalled_s: float = Field(
        300, ge=0, description="a process that has something to do and does not move for so long ends; 0: never"
    )


class LogSettings(Section):
    """Logging to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="ISTHMUS_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    diversion: DiversionSettings = DiversionSettings()
    spool: SpoolSettings = SpoolSettings()
    mqtt: MqttSettings = MqttSettings()
    webhook: WebhookSettings = WebhookSettings()
    pollers: PollersSettings = PollersSettings()
    decode: DecodeSettings = DecodeSettings()
    window: WindowSettings = WindowSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    files: FilesSettings = FilesSettings()
    ubidots: UbidotsSettings = UbidotsSettings()
    sink: SinkSettings = SinkSettings()
    replay: ReplaySettings = ReplaySettings()
    api: ApiSettings = ApiSettings()
    ttn_api: TtnApiSettings = TtnApiSettings()
    stack: StackSettings = StackSettings()
    health: HealthSettings = HealthSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """The settings file: ``$ISTHMUS_CONFIG``, else ``isthmus.toml`` here; it need not exist unless named."""
    return Path(os.environ.get(CONFIG_VARIABLE, "isthmus.toml"))


def load(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: with one line per fault, before anything starts.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {named}, which is no file")
    try:
        _read_secret_files()
        _refuse_unknown_variables()
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_faults(error)) from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"settings: {error}") from error


def _faults(error: ValidationError) -> str:
    lines = [f"  {'.'.join(str(part) for part in e['loc']) or 'settings'}: {e['msg']}" for e in error.errors()]
    return f"{len(lines)} fault(s) in the settings ({config_file()} and ISTHMUS_… variables):\n" + "\n".join(lines)


def _read_secret_files() -> None:
    for name, path in list(os.environ.items()):
        if name.startswith("ISTHMUS_") and name.endswith(("TOKEN_FILE", "PASSWORD_FILE", "SECRET_FILE")):
            os.environ.setdefault(name.removesuffix("_FILE"), Path(path).read_text("utf-8").strip())
            del os.environ[name]


def _refuse_unknown_variables() -> None:
    known = {CONFIG_VARIABLE, *CLIENT_VARIABLES, *(f"ISTHMUS_{name.upper()}" for name in Settings.model_fields)}
    unknown = [name for name in os.environ if name.startswith("ISTHMUS_") and name.split("__")[0] not in known]
    unknown = [name for name in unknown if not name.startswith("ISTHMUS_TEST_")]
    if unknown:
        raise ValueError(
            f"unknown variable(s) {', '.join(sorted(unknown))}; sections are {', '.join(Settings.model_fields)}"
        )
