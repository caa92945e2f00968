-- What differs between the staged points of one month and those that stand now? (run by a replay, month by month)
-- first, last: ns between which anything can differ; restore: 1 when only lost rows are put back.
-- Both sides come in the order of their key and are merged: memory stays small however many points there are.
INSERT INTO replay_${job}_diff
    (kind, series_id, ts, value, text, quality, logical_uid, version, codec,
     before_value, before_text, before_quality, before_uid, before_version)
WITH
    runs AS
    (
        -- Runs of repeated batches may overlap: what a run reaches, together with all before it, decides.
        SELECT raw_partition, first, max(last) OVER (PARTITION BY raw_partition ORDER BY first) AS last, 1 AS held
        FROM replay_${job}_selected FINAL
    ),
    pairs AS
    (
        SELECT
            series_id,
            ts,
            s.staged AS staged,
            c.stands AS stands,
            s.value AS value,
            s.text AS text,
            s.quality AS quality,
            s.logical_uid AS logical_uid,
            s.version AS version,
            s.codec AS codec,
            c.value AS before_value,
            c.text AS before_text,
            c.quality AS before_quality,
            c.logical_uid AS before_uid,
            c.version AS before_version,
            toUInt8(bitAnd(before_version, 255)) AS before_partition,
            bitAnd(bitShiftRight(before_version, 8), 274877906943) AS before_offset
        FROM
        (
            SELECT series_id, ts, value, text, quality, logical_uid, version, codec, 1 AS staged
            FROM replay_${job}_staged FINAL
            WHERE ts >= fromUnixTimestamp64Nano(toInt64($first)) AND ts <= fromUnixTimestamp64Nano(toInt64($last))
        ) AS s
        FULL JOIN
        (
            SELECT series_id, ts, value, text, quality, logical_uid, version, 1 AS stands
            FROM points FINAL
            WHERE ts >= fromUnixTimestamp64Nano(toInt64($first)) AND ts <= fromUnixTimestamp64Nano(toInt64($last))
              AND series_id IN (SELECT series_id FROM replay_${job}_reach WHERE month = $month)
        ) AS c USING (series_id, ts)
        WHERE NOT
        (
            staged AND stands AND s.value IS NOT DISTINCT FROM c.value AND s.text = c.text
            AND s.quality = c.quality AND s.logical_uid = c.logical_uid
        )
        SETTINGS join_algorithm = 'full_sorting_merge', max_bytes_in_join = 0
    ),
    buried AS
    (
        SELECT series_id, ts, max(version) AS newest, max(bitAnd(version, 70368744177663)) AS record
        FROM points
        WHERE $restore AND is_deleted
          AND ts >= fromUnixTimestamp64Nano(toInt64($first)) AND ts <= fromUnixTimestamp64Nano(toInt64($last))
        GROUP BY series_id, ts
    ),
    r.held AND p.before_offset <= r.last AS covered,
    -- Code that came after a correction stands for old records with a higher generation: the records decide.
    b.newest >= p.version OR (b.newest != 0 AND b.record >= bitAnd(p.version, 70368744177663)) AS withdrawn,
    p.before_partition != bitAnd(p.version, 255)
        OR p.before_offset > bitAnd(bitShiftRight(p.version, 8), 274877906943) AS later
SELECT
    multiIf(
        NOT p.stands, if($restore AND withdrawn, 'shielded', 'added'),
        NOT p.staged, if(covered, 'removed', ''),
        $restore, if(p.before_version > p.version, 'shielded', 'changed'),
        NOT covered AND later, 'shielded',
        'changed'
    ) AS kind,
    p.series_id,
    p.ts,
    p.value,
    p.text,
    p.quality,
    p.logical_uid,
    p.version,
    p.codec,
    p.before_value,
    p.before_text,
    p.before_quality,
    p.before_uid,
    p.before_version
FROM pairs AS p
ASOF LEFT JOIN runs AS r ON r.raw_partition = p.before_partition AND p.before_offset >= r.first
LEFT JOIN buried AS b ON b.series_id = p.series_id AND b.ts = p.ts
WHERE kind != ''
