-- What the numbers in `points` are called. One row per series; the newest unit and source stand.
CREATE TABLE IF NOT EXISTS series
(
    series_id  UInt64,
    device     String COMMENT 'device key, source:identity',
    name       String,
    unit       String,
    source     LowCardinality(String),
    first_seen DateTime64(9, 'UTC') COMMENT 'receipt of the first reading that the store saw of it',
    version    UInt64 COMMENT 'row version of the reading that unit and source come from'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY series_id;
