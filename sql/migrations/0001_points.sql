-- One row per (series, time): the physical truth, before a mapping renames or scales it. Read it with FINAL.
--
-- version packs generation (18 bits), raw offset (38) and raw partition (8): a later generation replaces an earlier one,
-- within a generation the later raw record wins, whatever the order of arrival and however often a row is written.
-- A text has value NULL; a number has text ''. logical_uid 0: the device was unmapped or paused at that time.
-- is_deleted marks a point that a correction took away; its own key must carry it, since FINAL compares keys only.
-- Codecs were chosen by measurement (benchmarks/store.py); GCD keeps nanoseconds as cheap as the sensor's own resolution.
CREATE TABLE IF NOT EXISTS points
(
    series_id     UInt64 COMMENT 'xxHash64(device key, 0x1F, measurement name)' CODEC(Delta, ZSTD(1)),
    ts            DateTime64(9, 'UTC') CODEC(GCD, Delta, T64('bit'), ZSTD(1)),
    value         Nullable(Float64) CODEC(Delta(8), ZSTD(9)),
    text          String CODEC(ZSTD(1)),
    quality       UInt8 COMMENT 'bit set, 0 is good' CODEC(ZSTD(1)),
    logical_uid   UInt32 CODEC(ZSTD(1)),
    version       UInt64 CODEC(Delta, T64, ZSTD(1)),
    is_deleted    UInt8 DEFAULT 0 CODEC(ZSTD(1)),
    generation    UInt32 ALIAS toUInt32(bitShiftRight(version, 46)),
    raw_offset    UInt64 ALIAS bitAnd(bitShiftRight(version, 8), 274877906943),
    raw_partition UInt8 ALIAS toUInt8(bitAnd(version, 255))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(ts)
ORDER BY (series_id, ts);
