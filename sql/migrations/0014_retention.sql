-- Retention of signed topics: from here on the views do not show points and aggregates that are older than their topic
-- says. The rows stay in `points` and `aggregates`, which remain what `raw` gives, so that replays, repairs and `verify`
-- know nothing of it and a longer retention shows them again; nothing is ever deleted by it.
-- 0: no end. One row per topic, the newest stands, also after the topic was removed: else its rows would come back.
CREATE TABLE IF NOT EXISTS retention
(
    device                String,
    raw_retention_s       UInt32,
    aggregate_retention_s UInt32,
    position              UInt64
)
ENGINE = ReplacingMergeTree(position)
ORDER BY device;

-- Names of series, and since when their points and aggregates are shown.
CREATE OR REPLACE VIEW shown_series AS
SELECT
    s.series_id AS series_id,
    s.device AS device,
    s.name AS name,
    s.unit AS unit,
    s.source AS source,
    if(r.raw_retention_s = 0, toDateTime64(0, 9, 'UTC') - toIntervalYear(60), now64(9, 'UTC') - toIntervalSecond(r.raw_retention_s))
        AS shown_from,
    if(r.aggregate_retention_s = 0, toDateTime64(0, 9, 'UTC') - toIntervalYear(60), now64(9, 'UTC') - toIntervalSecond(r.aggregate_retention_s))
        AS aggregates_from
FROM series AS s FINAL
LEFT JOIN retention AS r FINAL ON r.device = s.device;

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
    bitAnd(bitShiftRight(p.version, 8), 274877906943) AS raw_offset,
    arrayMap(bit -> ['receipt-time', 'implausible', 'codec-differs', 'deleted'][bit + 1], bitPositionsToArray(p.quality))
        AS quality_names,
    bitAnd(p.quality, 10) = 0 AS is_plausible
FROM points AS p FINAL
INNER JOIN shown_series AS s ON s.series_id = p.series_id
WHERE p.ts >= s.shown_from;

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
    l.series_id AS series_id,
    arrayMap(bit -> ['receipt-time', 'implausible', 'codec-differs', 'deleted'][bit + 1], bitPositionsToArray(l.quality))
        AS quality_names,
    bitAnd(l.quality, 10) = 0 AS is_plausible
FROM latest AS l FINAL
INNER JOIN shown_series AS s ON s.series_id = l.series_id
WHERE bitAnd(l.quality, 8) = 0
  AND l.ts >= s.shown_from;

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
    p.series_id AS series_id,
    arrayMap(bit -> ['receipt-time', 'implausible', 'codec-differs', 'deleted'][bit + 1], bitPositionsToArray(p.quality))
        AS quality_names,
    bitAnd(p.quality, 10) = 0 AS is_plausible
FROM points AS p FINAL
INNER JOIN shown_series AS s ON s.series_id = p.series_id
LEFT JOIN logical_devices AS d FINAL ON d.uid = p.logical_uid
LEFT JOIN rules AS r ON r.device = s.device AND r.logical_uid = p.logical_uid
WHERE p.logical_uid != 0
  AND p.ts >= s.shown_from
  AND NOT (ruled AND rule.5 = 1)
  AND (shown IS NULL OR isFinite(shown));

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
INNER JOIN shown_series AS s ON s.series_id = a.series_id
WHERE a.start + toIntervalSecond(a.window_s) > s.aggregates_from;
