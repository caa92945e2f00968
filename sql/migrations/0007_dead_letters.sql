-- What could not go on, and why. The key is the content without its time: the same letter written again is one row.
CREATE TABLE IF NOT EXISTS dead_letters
(
    stage          LowCardinality(String),
    reason         LowCardinality(String),
    detail         String CODEC(ZSTD(3)),
    raw_partition  Int32 COMMENT '-1: it never reached raw',
    raw_offset     Int64,
    `index`        Int32 COMMENT 'among the readings of the raw record',
    source         LowCardinality(String),
    device         Nullable(String),
    decoder        LowCardinality(String),
    at             DateTime64(9, 'UTC'),
    body           Nullable(String) COMMENT 'address of a diverted body',
    correlation_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (stage, reason, raw_partition, raw_offset, `index`, correlation_id, xxHash64(detail));
