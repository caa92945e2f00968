-- In which months does any row that a replay wrote still stand in `points`? (others may have replaced its first rows)
-- table: the rows that were written. A live row may have the same version, but then another content.
SELECT DISTINCT toYYYYMM(r.ts)
FROM replay_${job}_$table AS r
INNER JOIN
(
    SELECT series_id, ts, version, value, text, quality, logical_uid, is_deleted
    FROM points
    WHERE version >= (SELECT min(version) FROM replay_${job}_$table)
      AND series_id IN (SELECT series_id FROM replay_${job}_$table)
) AS p USING (series_id, ts, version)
WHERE r.value IS NOT DISTINCT FROM p.value AND r.text = p.text AND r.quality = p.quality
  AND r.logical_uid = p.logical_uid AND r.is_deleted = p.is_deleted
SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_in_join = 0
