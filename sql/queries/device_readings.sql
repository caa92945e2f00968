-- What did these devices measure, oldest first ({devices}, {logical_uid}: 0 for any, {start}, {end} in ns)?
WITH measured AS
(
    SELECT
        r.time AS time,
        r.device AS device,
        r.name AS name,
        r.unit AS unit,
        r.value AS value,
        r.text AS text,
        r.raw_partition AS raw_partition,
        r.raw_offset AS raw_offset,
        max(r.time) OVER (PARTITION BY r.raw_partition, r.raw_offset, r.device) AS message_time
    FROM readings AS r
    WHERE r.series_id IN (SELECT series_id FROM series WHERE device IN {devices:Array(String)})
      AND ({logical_uid:UInt64} = 0 OR r.logical_uid = {logical_uid:UInt64})
      AND r.time > fromUnixTimestamp64Nano({start:Int64})
      AND r.time <= fromUnixTimestamp64Nano({end:Int64})
)
SELECT m.time, m.device, m.name, m.unit, m.value, m.text, m.message_time, raw.received_at
FROM measured AS m
LEFT ANY JOIN
(
    SELECT raw_partition, raw_offset, received_at
    FROM raw_messages
    WHERE (raw_partition, raw_offset) IN (SELECT raw_partition, raw_offset FROM measured)
) AS raw ON raw.raw_partition = m.raw_partition AND raw.raw_offset = m.raw_offset
ORDER BY m.time, m.device, m.name
