-- What stands now at these points, the newest that came in of their series? (run by the ClickHouse sink)
-- $keys: (series_id, ts in ns), … · FINAL: a point that a later generation withdrew must not come back.
INSERT INTO latest (series_id, ts, value, text, quality, logical_uid, version)
SELECT series_id, ts, value, text, quality, logical_uid, version
FROM points FINAL
WHERE ts >= fromUnixTimestamp64Nano(toInt64($from)) AND ts <= fromUnixTimestamp64Nano(toInt64($until))
  AND series_id IN ($series)
  AND (series_id, toUnixTimestamp64Nano(ts)) IN ($keys)
