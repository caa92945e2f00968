-- Is a row of the delta not in `points`? (one such row is the answer; a replay that restores asks it)
SELECT 1
FROM (SELECT series_id, ts, version FROM replay_${job}_delta) AS d
LEFT JOIN
(
    SELECT series_id, ts, version, 1 AS stored
    FROM points
    WHERE series_id IN (SELECT series_id FROM replay_${job}_delta)
) AS p USING (series_id, ts, version)
WHERE NOT p.stored
LIMIT 1
SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_in_join = 0
