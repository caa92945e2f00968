-- What is the newest point of these series now? (run by a replay where the one that was newest has gone)
-- keys: series ids; since: ns from which on it is looked for.
SELECT series_id, newest.1, newest.2, newest.3, newest.4, newest.5, newest.6
FROM
(
    SELECT series_id, argMax((ts, value, text, quality, logical_uid, version), ts) AS newest
    FROM points FINAL
    WHERE series_id IN ($keys) AND ts >= fromUnixTimestamp64Nano(toInt64($since))
    GROUP BY series_id
)
