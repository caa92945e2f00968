-- Which messages did these devices send, newest first ({devices}, {logical_uid}: 0 for any, {start}, {end} in ns, {count})?
WITH messages AS
(
    SELECT
        max(r.time) AS last_time,
        r.raw_partition AS raw_partition,
        r.raw_offset AS raw_offset,
        r.device AS device,
        max(r.logical_uid) AS logical_uid,
        groupArray((r.name, r.time, r.value, r.text)) AS said
    FROM readings AS r
    WHERE r.series_id IN (SELECT series_id FROM series WHERE device IN {devices:Array(String)})
      AND ({logical_uid:UInt64} = 0 OR r.logical_uid = {logical_uid:UInt64})
      AND r.time > fromUnixTimestamp64Nano({start:Int64})
      AND r.time <= fromUnixTimestamp64Nano({end:Int64})
    GROUP BY raw_partition, raw_offset, device
    ORDER BY last_time DESC, raw_partition, raw_offset DESC, device
    LIMIT {count:UInt32}
)
SELECT m.last_time, m.device, m.logical_uid, m.said, raw.received_at, raw.id
FROM messages AS m
LEFT ANY JOIN
(
    SELECT raw_partition, raw_offset, received_at, id
    FROM raw_messages
    WHERE (raw_partition, raw_offset) IN (SELECT raw_partition, raw_offset FROM messages)
) AS raw ON raw.raw_partition = m.raw_partition AND raw.raw_offset = m.raw_offset
ORDER BY m.last_time DESC, m.raw_partition, m.raw_offset DESC, m.device
