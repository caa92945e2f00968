-- Which windows of these has somebody else written since the replay computed them? (run by a replay when it is done)
-- A row of a replay has label 0; any other may have been computed from the points before the correction.
-- wanted: a SELECT of series_id, slot and label; window: length in seconds; from, until: ns.
WITH
    wanted AS
    (
        $wanted
    )
SELECT n.device, n.name, n.unit, w.slot * $window * 1000000000 AS start
FROM wanted AS w
LEFT JOIN
(
    SELECT series_id, intDiv(toUnixTimestamp64Second(start), $window) AS slot, max(version) AS newest
    FROM aggregates
    WHERE window_s = $window AND series_id IN (SELECT series_id FROM wanted)
      AND start >= toDateTime64(intDiv($from, 1000000000), 0, 'UTC') AND start < toDateTime64(intDiv($until, 1000000000), 0, 'UTC')
    GROUP BY series_id, slot
) AS a ON a.series_id = w.series_id AND a.slot = w.slot
INNER JOIN (SELECT * FROM series FINAL WHERE series_id IN (SELECT series_id FROM wanted)) AS n ON n.series_id = w.series_id
WHERE bitAnd(a.newest, 70368744177663) != 0
ORDER BY n.device, n.name, start
