-- Which series have a row in `latest` at a point that a replay took away, or none? (run by a replay when it is written)
-- table: the replay's rows that were written. A series without a row has version 0; ts: about where its points are.
SELECT l.series_id, l.ts, l.version
FROM latest AS l
INNER JOIN
(
    SELECT series_id, ts, version FROM replay_${job}_$table WHERE is_deleted
) AS d ON d.series_id = l.series_id AND d.ts = l.ts
WHERE l.series_id IN (SELECT series_id FROM replay_${job}_$table WHERE is_deleted) AND l.version <= d.version
UNION ALL
SELECT series_id, max(ts), 0
FROM replay_${job}_$table
WHERE series_id NOT IN (SELECT series_id FROM latest WHERE series_id IN (SELECT series_id FROM replay_${job}_$table))
GROUP BY series_id
