-- What stands now at these points, the newest that came in of their series? (run by the ClickHouse sink)
-- keys: (series_id, ts in ns), …; from, until: ns. FINAL: a point that a later generation withdrew must not come back.
INSERT INTO latest (series_id, ts, value, text, quality, logical_uid, version)
WITH wanted AS
(
    SELECT key.1 AS series_id, key.2 AS ns
    FROM (SELECT arrayJoin(CAST([$keys], 'Array(Tuple(UInt64, Int64))')) AS key)
)
SELECT series_id, ts, value, text, quality, logical_uid, version
FROM points FINAL
WHERE ts >= fromUnixTimestamp64Nano(toInt64($from)) AND ts <= fromUnixTimestamp64Nano(toInt64($until))
  AND series_id IN (SELECT series_id FROM wanted)
  AND (series_id, toUnixTimestamp64Nano(ts)) IN (SELECT series_id, ns FROM wanted)
SETTINGS do_not_merge_across_partitions_select_final = 1
