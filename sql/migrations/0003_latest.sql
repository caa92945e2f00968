-- The newest point of each series, always taken from `points FINAL`, so that a late, repeated or withdrawn point never
-- stands here. rank orders by time, then version. A correction that withdraws newest points deletes the series' row
-- and fills it again.
CREATE TABLE IF NOT EXISTS latest
(
    series_id   UInt64,
    ts          DateTime64(9, 'UTC'),
    value       Nullable(Float64),
    text        String,
    quality     UInt8,
    logical_uid UInt32,
    version     UInt64,
    rank        UInt128 MATERIALIZED bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Nano(ts)), 64), toUInt128(version))
)
ENGINE = ReplacingMergeTree(rank)
ORDER BY series_id;
