-- What stood before at the keys of the delta whose row still stands? (build of an undo, slice by slice)
-- generation: of the rows written; within: the slice; standing: those rows. A key that a live row or another correction
-- has taken since is left alone.
INSERT INTO replay_${job}_undo_next (series_id, ts, value, text, quality, logical_uid, version, is_deleted)
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
FROM
(
$standing
) AS o
INNER JOIN (SELECT * FROM replay_${job}_diff WHERE $within) AS d USING (series_id, ts)
