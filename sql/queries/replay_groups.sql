-- What differs by device, measurement, codec or day? (reports of a replay)
-- group: the expression to group by; limit: rows.
WITH names AS
(
    SELECT series_id, any(device) AS device, any(name) AS name
    FROM
    (
        SELECT series_id, device, name FROM replay_${job}_series
        UNION ALL
        SELECT series_id, device, name FROM series WHERE series_id IN (SELECT series_id FROM replay_${job}_summary)
    )
    GROUP BY series_id
)
SELECT
    $group AS part,
    sumIf(s.points, s.kind = 'added') AS added,
    sumIf(s.points, s.kind = 'removed') AS removed,
    sumIf(s.points, s.kind = 'changed') AS changed,
    sumIf(s.points, s.kind = 'staged') - added - changed - sumIf(s.points, s.kind = 'shielded') AS same,
    sum(s.numbers) AS numbers,
    sum(s.total) / numbers AS mean_change,
    max(s.largest) AS largest_change
FROM replay_${job}_summary AS s
LEFT JOIN names AS n ON n.series_id = s.series_id
GROUP BY part
ORDER BY added + removed + changed DESC, part
LIMIT $limit
