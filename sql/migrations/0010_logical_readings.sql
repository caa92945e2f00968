-- The readings of logical devices, as their mapping presents them: renamed, scaled, without dropped ones. The rules are
-- those of the interval that contains the measurement's time; what was unmapped or paused then is not here.
-- The same rule in Python: streams.core.place.present.
CREATE OR REPLACE VIEW logical_readings AS
WITH
    rules AS
    (
        SELECT device, logical_uid, groupArray((start, end, variables)) AS intervals
        FROM device_mapping_in_force
        GROUP BY device, logical_uid
    ),
    arrayFirst(i -> i.1 <= p.ts AND (i.2 IS NULL OR p.ts < i.2), r.intervals).3 AS variables,
    arrayFirst(v -> v.1 = s.name, variables) AS rule,
    rule.1 != '' AS ruled,
    if(ruled, p.value * rule.3 + rule.4, p.value) AS shown
SELECT
    d.name AS logical_device,
    if(ruled, rule.2, s.name) AS name,
    p.ts AS time,
    shown AS value,
    p.text AS text,
    s.unit AS unit,
    p.quality AS quality,
    p.logical_uid AS logical_uid,
    s.device AS device,
    s.source AS source,
    p.series_id AS series_id
FROM points AS p FINAL
INNER JOIN series AS s FINAL ON s.series_id = p.series_id
LEFT JOIN logical_devices AS d FINAL ON d.uid = p.logical_uid
LEFT JOIN rules AS r ON r.device = s.device AND r.logical_uid = p.logical_uid
WHERE p.logical_uid != 0
  AND NOT (ruled AND rule.5 = 1)
  AND (shown IS NULL OR isFinite(shown));
