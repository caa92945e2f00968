-- In which months, series and times can points of covered raw records stand? (a replay looks for what must go)
-- first, last: the covered lineages (offset and partition as in version) lie between these.
-- Hidden rows count too: a series too many costs reading, one too few a false result.
INSERT INTO replay_${job}_reach (month, series_id, first, last)
WITH runs AS
(
    -- Runs of repeated batches may overlap: what a run reaches, together with all before it, decides.
    SELECT raw_partition, first, max(last) OVER (PARTITION BY raw_partition ORDER BY first) AS last
    FROM replay_${job}_selected FINAL
)
SELECT toYYYYMM(p.ts), p.series_id, min(p.ts), max(p.ts)
FROM
(
    SELECT
        series_id,
        ts,
        toUInt8(bitAnd(version, 255)) AS raw_partition,
        bitAnd(bitShiftRight(version, 8), 274877906943) AS raw_offset
    FROM points
    WHERE bitAnd(version, 70368744177663) BETWEEN $first AND $last
) AS p
ASOF JOIN runs AS r ON r.raw_partition = p.raw_partition AND p.raw_offset >= r.first
WHERE p.raw_offset <= r.last
GROUP BY toYYYYMM(p.ts), p.series_id
