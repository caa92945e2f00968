-- A point with quality bit 8 says that its series' value is no longer: `latest_readings` does not show it, `readings` does.
CREATE OR REPLACE VIEW latest_readings AS
SELECT
    s.device AS device,
    s.name AS name,
    l.ts AS time,
    l.value AS value,
    l.text AS text,
    s.unit AS unit,
    l.quality AS quality,
    s.source AS source,
    l.logical_uid AS logical_uid,
    l.series_id AS series_id
FROM latest AS l FINAL
INNER JOIN series AS s FINAL ON s.series_id = l.series_id
WHERE bitAnd(l.quality, 8) = 0;
