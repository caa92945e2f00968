-- Which logical device a physical one was, and when: one row per interval. Every record of the topic holds a device's
-- whole history and replaces the one before it: the rows with the device's highest position are in force
-- (view device_mapping_in_force). A device with an empty history has one row with logical_uid 0.
CREATE TABLE IF NOT EXISTS device_mapping
(
    device       String,
    ordinal      UInt32 COMMENT 'place in the history, from 0',
    physical_uid UInt64,
    logical_uid  UInt64,
    start        DateTime64(9, 'UTC'),
    end          Nullable(DateTime64(9, 'UTC')) COMMENT 'exclusive; NULL: still open',
    pauses       Array(Tuple(start DateTime64(9, 'UTC'), end Nullable(DateTime64(9, 'UTC')))),
    variables    Array(Tuple(source String, target String, scale Float64, offset Float64, drop UInt8)),
    changed_at   DateTime64(9, 'UTC'),
    changed_by   String,
    why          String,
    position     UInt64
)
ENGINE = ReplacingMergeTree(position)
ORDER BY (device, ordinal);

CREATE OR REPLACE VIEW device_mapping_in_force AS
SELECT *
FROM device_mapping FINAL
WHERE logical_uid != 0
  AND (device, position) IN (SELECT device, max(position) FROM device_mapping GROUP BY device);
