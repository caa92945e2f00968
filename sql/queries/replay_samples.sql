-- How do some of the differing points look before and after? (reports of a replay)
-- each: points of one kind and series at most; limit: rows, taken from kinds and series in turn.
WITH
    names AS
    (
        SELECT series_id, any(device) AS device, any(name) AS name
        FROM
        (
            SELECT series_id, device, name FROM replay_${job}_series
            UNION ALL
            SELECT series_id, device, name FROM series WHERE series_id IN (SELECT series_id FROM replay_${job}_summary)
        )
        GROUP BY series_id
    ),
    few AS
    (
        SELECT *, row_number() OVER (PARTITION BY kind, series_id ORDER BY ts) AS turn
        FROM (SELECT * FROM replay_${job}_diff WHERE kind != 'shielded' LIMIT $each BY kind, series_id)
    )
SELECT
    d.kind,
    n.device,
    n.name,
    d.ts,
    ifNull(toString(d.before_value), d.before_text) AS before,
    ifNull(toString(d.value), d.text) AS after,
    d.before_uid,
    d.logical_uid,
    bitAnd(shown, 255) AS raw_partition,
    bitAnd(bitShiftRight(if(d.kind = 'removed', d.before_version, d.version) AS shown, 8), 274877906943) AS raw_offset
FROM few AS d
LEFT JOIN names AS n ON n.series_id = d.series_id
ORDER BY row_number() OVER (PARTITION BY d.kind ORDER BY d.turn, cityHash64(d.series_id)), d.kind
LIMIT $limit
