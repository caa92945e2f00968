-- How many points of each series, codec and day differ, and by how much? (run by a replay; reports are made of it)
-- kind 'staged' counts every staged point, so that what stays the same is known too.
INSERT INTO replay_${job}_summary (series_id, codec, day, kind, points, numbers, total, largest)
WITH abs(value - before_value) AS change
SELECT
    series_id,
    codec,
    toDate32(ts) AS day,
    kind,
    count(),
    countIf(kind = 'changed' AND change IS NOT NULL),
    sumIf(ifNull(change, 0), kind = 'changed'),
    maxIf(ifNull(change, 0), kind = 'changed')
FROM replay_${job}_diff
GROUP BY series_id, codec, day, kind
UNION ALL
SELECT series_id, codec, toDate32(ts) AS day, 'staged', count(), 0, 0, 0
FROM replay_${job}_staged FINAL
GROUP BY series_id, codec, day
