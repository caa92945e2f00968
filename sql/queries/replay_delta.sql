-- Which rows make the difference true? (build of a replay: changed and added points, and tombstones)
-- generation: of the rows written; restore: 1 when only lost rows are put back, at the versions that they had.
INSERT INTO replay_${job}_delta_next (series_id, ts, value, text, quality, logical_uid, version, is_deleted)
SELECT
    series_id,
    ts,
    value,
    text,
    quality,
    logical_uid,
    multiIf(
        $restore, version,
        kind = 'removed', bitOr(bitShiftLeft(toUInt64($generation), 46), bitAnd(before_version, 70368744177663)),
        bitOr(bitShiftLeft(toUInt64($generation), 46), bitAnd(version, 70368744177663))
    ),
    kind = 'removed'
FROM replay_${job}_diff
WHERE kind IN ('added', if($restore, 'added', 'changed'), if($restore, 'added', 'removed'))
