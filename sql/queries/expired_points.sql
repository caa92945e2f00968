-- Of which devices does the store hold points that are older than their signed topic's retention, and how many?
SELECT s.device AS device, count() AS points, min(p.ts) AS oldest
FROM points AS p FINAL
INNER JOIN shown_series AS s ON s.series_id = p.series_id
WHERE p.ts < s.shown_from
GROUP BY device
ORDER BY device
