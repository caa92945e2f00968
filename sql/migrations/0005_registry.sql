-- The registry as its topics tell it; position is the offset of the record in its topic, and the highest stands.
CREATE TABLE IF NOT EXISTS physical_devices
(
    uid        UInt64,
    device     String COMMENT 'device key, source:identity',
    source     LowCardinality(String),
    name       String,
    latitude   Nullable(Float64),
    longitude  Nullable(Float64),
    last_seen  Nullable(DateTime64(9, 'UTC')),
    source_ids Map(String, String),
    properties String COMMENT 'JSON object',
    created_at DateTime64(9, 'UTC'),
    changed_at DateTime64(9, 'UTC'),
    changed_by String,
    position   UInt64,
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(position, is_deleted)
ORDER BY uid;

CREATE TABLE IF NOT EXISTS logical_devices
(
    uid        UInt64,
    name       String,
    latitude   Nullable(Float64),
    longitude  Nullable(Float64),
    last_seen  Nullable(DateTime64(9, 'UTC')),
    properties String COMMENT 'JSON object',
    created_at DateTime64(9, 'UTC'),
    changed_at DateTime64(9, 'UTC'),
    changed_by String,
    position   UInt64,
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(position, is_deleted)
ORDER BY uid;
