-- What stood before at the keys of the delta whose row still is the delta's? (build of an undo, slice by slice)
-- generation: of the rows written; within: the slice. A key that a live row or another correction has taken since is
-- left alone; tombstones count, so nothing is read with FINAL.
INSERT INTO replay_${job}_undo (series_id, ts, value, text, quality, logical_uid, version, is_deleted)
WITH
    ours AS
    (
        SELECT series_id, ts, version FROM replay_${job}_delta WHERE $within
    ),
    stored AS
    (
        SELECT series_id, ts, max(version) AS newest
        FROM points
        WHERE $within AND series_id IN (SELECT series_id FROM ours) AND (series_id, ts) IN (SELECT series_id, ts FROM ours)
        GROUP BY series_id, ts
    )
SELECT
    series_id,
    ts,
    d.before_value,
    d.before_text,
    d.before_quality,
    d.before_uid,
    bitOr(
        bitShiftLeft(toUInt64($generation), 46),
        bitAnd(if(d.kind = 'added', o.version, d.before_version), 70368744177663)
    ),
    d.kind = 'added'
FROM ours AS o
INNER JOIN stored AS p USING (series_id, ts)
INNER JOIN (SELECT * FROM replay_${job}_diff WHERE $within) AS d USING (series_id, ts)
WHERE p.newest = o.version
