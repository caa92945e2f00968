-- Which names, units and sources do staged series give, other than the store has, and what had it? (build of a replay)
-- generation: of the rows written; restore: 1 when only names that were lost are put back, at the staged versions.
-- What an earlier, unfinished build wrote counts as not written. As with points, a later record outside keeps its name.
INSERT INTO replay_${job}_names_next
    (series_id, device, name, unit, source, first_seen, version, known,
     before_unit, before_source, before_first_seen, before_version)
WITH
    runs AS
    (
        SELECT raw_partition, first, max(last) OVER (PARTITION BY raw_partition ORDER BY first) AS last, 1 AS held
        FROM replay_${job}_selected FINAL
    ),
    told AS
    (
        SELECT
            series_id,
            any(device) AS device,
            any(name) AS name,
            argMax(unit, told_by) AS unit,
            argMax(source, told_by) AS source,
            min(first_seen) AS first_seen,
            max(told_by) AS record
        FROM replay_${job}_series
        GROUP BY series_id
    ),
    staged AS
    (
        SELECT series_id, max(version) AS newest FROM replay_${job}_staged WHERE $restore GROUP BY series_id
    ),
    written AS
    (
        SELECT * FROM replay_${job}_names FINAL
    ),
    stored AS
    (
        SELECT
            s.series_id AS series_id,
            w.version = s.version AND w.version != 0 AS ours,
            if(ours, w.known, 1) AS known,
            if(ours, w.before_unit, s.unit) AS unit,
            if(ours, w.before_source, s.source) AS source,
            if(ours, w.before_first_seen, s.first_seen) AS first_seen,
            if(ours, w.before_version, s.version) AS version
        FROM (SELECT * FROM series FINAL WHERE series_id IN (SELECT series_id FROM told)) AS s
        LEFT JOIN written AS w ON w.series_id = s.series_id
    ),
    pairs AS
    (
        SELECT
            t.series_id AS series_id,
            t.device AS device,
            t.name AS name,
            t.unit AS unit,
            t.source AS source,
            t.first_seen AS first_seen,
            t.record AS record,
            g.newest AS newest,
            b.known AS known,
            b.unit AS before_unit,
            b.source AS before_source,
            b.first_seen AS before_first_seen,
            b.version AS before_version,
            toUInt8(bitAnd(b.version, 255)) AS before_partition,
            bitAnd(bitShiftRight(b.version, 8), 274877906943) AS before_offset
        FROM told AS t
        LEFT JOIN stored AS b ON b.series_id = t.series_id
        LEFT JOIN staged AS g ON g.series_id = t.series_id
        WHERE NOT b.known OR ((t.unit, t.source) != (b.unit, b.source) AND NOT $restore)
    )
SELECT
    p.series_id,
    p.device,
    p.name,
    p.unit,
    p.source,
    if(p.known, least(p.first_seen, p.before_first_seen), p.first_seen),
    if($restore, p.newest, bitOr(bitShiftLeft(toUInt64($generation), 46), p.record)),
    p.known,
    p.before_unit,
    p.before_source,
    p.before_first_seen,
    p.before_version
FROM pairs AS p
ASOF LEFT JOIN runs AS r ON r.raw_partition = p.before_partition AND p.before_offset >= r.first
WHERE NOT p.known
   OR (r.held AND p.before_offset <= r.last)
   OR (p.before_partition = bitAnd(p.record, 255) AND p.before_offset <= bitShiftRight(p.record, 8))
