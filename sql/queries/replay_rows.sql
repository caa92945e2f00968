-- Which points did a replay write or take away, or its undo? (told to files and outgoing sinks, which hold no rows)
-- table: the rows that were written; undo: 1 for an undo, where what stood before is the correction.
-- By raw record. A point that went carries what stood there.
SELECT
    w.series_id,
    n.device AS device,
    n.name AS name,
    n.unit,
    n.source,
    w.ts AS time,
    if(w.after, w.value, w.before_value),
    if(w.after, w.text, w.before_text),
    if(w.after, w.quality, w.before_quality),
    if(w.after, w.logical_uid, w.before_uid),
    bitAnd(w.version, 255) AS raw_partition,
    bitAnd(bitShiftRight(w.version, 8), 274877906943) AS raw_offset,
    w.is_deleted = 1,
    if($undo, w.logical_uid, w.before_uid)
FROM
(
    SELECT
        series_id,
        ts,
        r.version AS version,
        r.is_deleted AS is_deleted,
        is_deleted = $undo AS after,
        d.value AS value,
        d.text AS text,
        d.quality AS quality,
        d.logical_uid AS logical_uid,
        d.before_value AS before_value,
        d.before_text AS before_text,
        d.before_quality AS before_quality,
        d.before_uid AS before_uid
    FROM (SELECT series_id, ts, version, is_deleted FROM replay_${job}_$table) AS r
    INNER JOIN replay_${job}_diff AS d USING (series_id, ts)
    SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_in_join = 0
) AS w
LEFT JOIN (SELECT * FROM series FINAL WHERE series_id IN (SELECT series_id FROM replay_${job}_$table)) AS n
    ON n.series_id = w.series_id
ORDER BY raw_partition, raw_offset, device, time, name
