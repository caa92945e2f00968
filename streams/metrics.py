"""Every metric of every process, declared once (Prometheus names, label names, meaning)."""

from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram

READY = Gauge("isthmus_ready", "1 while this process answers /readyz by 200")

RECEIVED = Counter("isthmus_received_total", "messages received at a door", ["connector", "source"])
ACKNOWLEDGED = Counter(
    "isthmus_acknowledged_total", "messages acknowledged after they were durable", ["connector", "source"]
)
REFUSED = Counter("isthmus_refused_total", "messages refused at a door", ["connector", "reason"])
DIVERTED = Counter("isthmus_diverted_total", "bodies that Kafka refused, kept in the diversion store", ["connector"])
ACK_SECONDS = Histogram(
    "isthmus_ack_seconds", "receive to acknowledgement", ["connector"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
IN_PROCESS = Gauge("isthmus_in_process", "records received and not yet acknowledged", ["connector"])
CONNECTED = Gauge("isthmus_connected", "1 while connected to the broker", ["connector", "broker"])
CLOCK_AHEAD_SECONDS = Gauge(
    "isthmus_clock_ahead_seconds", "how far a connector's clock is ahead of Kafka's; negative: behind", ["connector"]
)
OLDEST_HELD_SECONDS = Gauge(
    "isthmus_oldest_held_seconds", "since the oldest record was received that Kafka is to confirm", ["connector"]
)
POLLS = Counter(
    "isthmus_polls_total", "questions to polled APIs; outcome: new, unchanged, failed", ["poller", "outcome"]
)
POLLED = Gauge("isthmus_polled_seconds", "Unix time of the last poll without a fault", ["poller"])
SPOOL_RECORDS = Gauge("isthmus_spool_records", "records waiting in the spool", ["connector"])
SPOOL_BYTES = Gauge("isthmus_spool_bytes", "bytes waiting in the spool", ["connector"])
SPOOL_QUOTA = Gauge("isthmus_spool_quota_bytes", "bytes that the spool may hold", ["connector"])

DECODED = Counter("isthmus_decoded_records_total", "raw records decoded", ["source"])
READINGS = Counter("isthmus_readings_total", "readings produced", ["source"])
MEASUREMENTS = Counter("isthmus_measurements_total", "measurements produced", ["source"])
REMEMBERED = Counter("isthmus_remembered_records_total", "raw records that later ones are decoded with", ["source"])
MEMORIES = Gauge("isthmus_memories", "raw records that this process remembers")
IGNORED = Counter("isthmus_ignored_total", "records or values ignored on purpose", ["stage", "reason"])
DEAD_LETTERS = Counter("isthmus_dead_letters_total", "dead letters", ["stage", "reason"])
VIEW_SKIPPED = Counter("isthmus_view_skipped_total", "undecodable records of a compacted topic", ["topic"])
MAPPING_POSITION = Gauge("isthmus_mapping_position", "offset of device-mapping up to which the view has been read")
GENERATION_NEWEST = Gauge("isthmus_generation_newest", "highest decoding generation that this process knows of")
GENERATION = Gauge("isthmus_generation", "decoding generation in force", ["partition"])
HANDLED_OFFSET = Gauge("isthmus_handled_offset", "highest offset durably handled", ["topic", "partition"])
COMMITTED_OFFSET = Gauge("isthmus_committed_offset", "offset committed", ["topic", "partition"])
COMMITTED_UNHANDLED = Counter(
    "isthmus_committed_unhandled_total", "commits beyond what was durably handled: a loss", ["topic", "partition"]
)
LAG = Gauge("isthmus_lag", "records of an owned partition that are not handled yet", ["topic", "partition"])
OLDEST_SECONDS = Gauge(
    "isthmus_oldest_unhandled_seconds", "age of the oldest record that is not handled yet", ["topic", "partition"]
)
STALLED_SECONDS = Gauge(
    "isthmus_stalled_seconds",
    "how long a place with work left (an owned partition, a spool, …) has not moved",
    ["place"],
)
BATCHES_RETRIED = Counter("isthmus_batches_retried_total", "batches tried again after a passing fault", ["process"])

WINDOWS_OPEN = Gauge("isthmus_windows_open", "(series, window) pairs held in memory")
AGGREGATES = Counter("isthmus_aggregates_total", "aggregates emitted", ["window"])
REPAIRS = Counter("isthmus_repairs_total", "repairs emitted", ["window"])

SINK_RECORDS = Counter("isthmus_sink_records_total", "records written by a sink", ["sink", "topic"])
SINK_ROWS = Counter("isthmus_sink_rows_total", "rows, points or files written by a sink", ["sink", "target"])
SINK_SECONDS = Histogram("isthmus_sink_write_seconds", "duration of one write", ["sink"])
SINK_RETRIES = Counter("isthmus_sink_retries_total", "writes tried again after a passing fault", ["sink"])
SINK_LAG = Gauge(
    "isthmus_sink_lag", "records between the end of the topic and the sink's position", ["sink", "topic", "partition"]
)

REGISTRY_WRITER = Gauge("isthmus_registry_writer", "1 while this process writes the registry")
REGISTRY_CHANGES = Counter("isthmus_registry_changes_total", "registry records written")
DEVICES_REFUSED = Counter(
    "isthmus_devices_refused_total", "sightings of new devices beyond api.device_limit", ["source"]
)
API_LOGINS = Counter("isthmus_api_logins_total", "logins: accepted, refused, or held up after failures", ["outcome"])
API_REQUESTS = Counter("isthmus_api_requests_total", "requests answered, by class of status", ["method", "status"])
REPLAYS = Counter("isthmus_replays_total", "replays that came to rest", ["state"])
DISK_FREE = Gauge("isthmus_disk_free_ratio", "free part of the disk that a directory of this process is on", ["use"])


def remove(gauge: Gauge, *labels: object) -> None:
    """Forget a series that has no owner here any more."""
    with suppress(KeyError):
        gauge.remove(*map(str, labels))
