-- What each series did in each window: base windows come from the window agent or are recomputed here when it asks
-- (repairs); windows of an hour (3600) and a day (86400) are always computed here from the points. Numbers only.
--
-- version packs generation (18 bits) and label (46): the label is the `readings` offset up to which the row is exact,
-- so the highest is right, whoever wrote last. A window that lost its last number gets a row with is_deleted = 1.
CREATE TABLE IF NOT EXISTS aggregates
(
    series_id  UInt64 CODEC(Delta, ZSTD(1)),
    window_s   UInt32 COMMENT 'length in seconds' CODEC(ZSTD(1)),
    start      DateTime64(0, 'UTC') CODEC(Delta, T64, ZSTD(1)),
    count      UInt64 CODEC(T64, ZSTD(1)),
    sum        Float64 CODEC(ZSTD(3)),
    min        Float64 CODEC(Delta, ZSTD(3)),
    max        Float64 CODEC(Delta, ZSTD(3)),
    first      Float64 CODEC(Delta, ZSTD(3)),
    last       Float64 CODEC(Delta, ZSTD(3)),
    median     Float64 CODEC(Delta, ZSTD(3)),
    version    UInt64 CODEC(Delta, T64, ZSTD(1)),
    is_deleted UInt8 DEFAULT 0 CODEC(ZSTD(1)),
    mean       Float64 ALIAS sum / count,
    generation UInt32 ALIAS toUInt32(bitShiftRight(version, 46)),
    label      UInt64 ALIAS bitAnd(version, 70368744177663)
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(start)
ORDER BY (window_s, series_id, start);
