-- Every message as received, by its place in `raw`: what was sent when something looks wrong.
CREATE TABLE IF NOT EXISTS raw_messages
(
    raw_partition UInt8,
    raw_offset    UInt64 CODEC(Delta, ZSTD(1)),
    id            String COMMENT 'correlation id' CODEC(ZSTD(1)),
    source        LowCardinality(String),
    transport     LowCardinality(String),
    address       String CODEC(ZSTD(1)),
    received_at   DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    content_type  LowCardinality(String),
    headers       Map(String, String) CODEC(ZSTD(1)),
    connector     LowCardinality(String),
    payload       String CODEC(ZSTD(3)),
    size          UInt64 ALIAS length(payload),
    INDEX by_id id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (raw_partition, raw_offset);
