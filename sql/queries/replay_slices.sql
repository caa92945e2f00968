-- How can a replay's rows be worked on in parts of about this many?
-- Parts follow the order of the store: month, series. rows: per part; one series may have more in a month. table: of the replay.
SELECT month, min(series_id) AS first, max(series_id) AS last, min(since) AS since, max(until) AS until, sum(held) AS held
FROM
(
    SELECT
        month,
        series_id,
        since,
        until,
        held,
        intDiv(sum(held) OVER (PARTITION BY month ORDER BY series_id) - held, $rows) AS part
    FROM
    (
        SELECT toYYYYMM(ts) AS month, series_id, min(ts) AS since, max(ts) AS until, count() AS held
        FROM replay_${job}_$table
        GROUP BY month, series_id
    )
)
GROUP BY month, part
ORDER BY month, part
