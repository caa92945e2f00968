-- What people query, by names. FINAL is inside. For one series add `AND series_id IN (SELECT series_id FROM series WHERE
-- device = … AND name = …)`: then the index finds it at once instead of reading every series of the time range.
CREATE OR REPLACE VIEW readings AS
SELECT
    s.device AS device,
    s.name AS name,
    p.ts AS time,
    p.value AS value,
    p.text AS text,
    s.unit AS unit,
    p.quality AS quality,
    s.source AS source,
    p.logical_uid AS logical_uid,
    p.series_id AS series_id,
    toUInt32(bitShiftRight(p.version, 46)) AS generation,
    toUInt8(bitAnd(p.version, 255)) AS raw_partition,
    bitAnd(bitShiftRight(p.version, 8), 274877906943) AS raw_offset
FROM points AS p FINAL
INNER JOIN series AS s FINAL ON s.series_id = p.series_id;

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
INNER JOIN series AS s FINAL ON s.series_id = l.series_id;

CREATE OR REPLACE VIEW named_aggregates AS
SELECT
    s.device AS device,
    s.name AS name,
    a.window_s AS window_s,
    a.start AS start,
    a.count AS count,
    a.sum AS sum,
    a.sum / a.count AS mean,
    a.min AS min,
    a.max AS max,
    a.first AS first,
    a.last AS last,
    a.median AS median,
    s.unit AS unit,
    a.series_id AS series_id
FROM aggregates AS a FINAL
INNER JOIN series AS s FINAL ON s.series_id = a.series_id;
