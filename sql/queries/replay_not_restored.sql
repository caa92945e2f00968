-- Is a row of the delta (table) not in `points`, nor a later one in its place? (one such row is the answer; a replay that restores asks it)
SELECT 1
FROM (SELECT series_id, ts, version FROM replay_${job}_$table) AS d
LEFT JOIN
(
    SELECT series_id, ts, max(version) AS newest
    FROM points
    WHERE series_id IN (SELECT series_id FROM replay_${job}_$table)
    GROUP BY series_id, ts
) AS p USING (series_id, ts)
WHERE p.newest < d.version
LIMIT 1
SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_in_join = 0
