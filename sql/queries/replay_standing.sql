-- Which rows that a replay wrote still stand, of one slice? (asked before an undo, and by it)
-- within: the slice; undos: generations of undos. The undo of a later correction puts a row back as it was, at its own
-- generation: that is the same row. Live rows of such a generation are of later raw records. Tombstones count, so
-- nothing is read with FINAL; which of two tombstones is whose makes no difference.
SELECT series_id, ts, o.version AS version
FROM
(
    SELECT
        series_id,
        ts,
        version,
        is_deleted,
        (isNull(value), ifNull(value, 0), text, quality, logical_uid) AS content
    FROM replay_${job}_delta
    WHERE $within
) AS o
INNER JOIN
(
    SELECT
        series_id,
        ts,
        max(version) AS newest,
        argMax((is_deleted, (isNull(value), ifNull(value, 0), text, quality, logical_uid)), version) AS stands
    FROM points
    WHERE $within AND series_id IN (SELECT series_id FROM replay_${job}_delta WHERE $within)
      AND (series_id, ts) IN (SELECT series_id, ts FROM replay_${job}_delta WHERE $within)
    GROUP BY series_id, ts
) AS p USING (series_id, ts)
WHERE p.newest = o.version
   OR (
       bitShiftRight(p.newest, 46) IN ($undos) AND p.stands.1 = o.is_deleted
       AND (
           o.is_deleted
           OR (bitAnd(p.newest, 70368744177663) = bitAnd(o.version, 70368744177663) AND p.stands.2 = o.content)
       )
   )
