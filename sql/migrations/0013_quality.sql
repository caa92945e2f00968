-- What is known of a value's quality, by names, and a way to ask for good values only. Bits of `quality`: 1 receipt-time: the
-- sender gave no time, the value carries that of its receipt; 2 implausible: outside of the range that the vocabulary gives
-- its name and unit; 4 codec-differs: the registered codec and the network server decoded the payload differently,
-- 8 deleted: the sender says that the value is no longer. 0 is good. In Python: streams.core.message.QUALITY.
--
-- quality_names holds the names; WHERE is_plausible leaves implausible and deleted values out. latest_readings does not show
-- a series whose newest point has the bit deleted: its sender says that it is gone.
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
    l.series_id AS series_id,
    arrayMap(bit -> ['receipt-time', 'implausible', 'codec-differs', 'deleted'][bit + 1], bitPositionsToArray(l.quality))
        AS quality_names,
    bitAnd(l.quality, 10) = 0 AS is_plausible
FROM latest AS l FINAL
INNER JOIN series AS s FINAL ON s.series_id = l.series_id
WHERE bitAnd(l.quality, 8) = 0;

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
INNER JOIN series AS s FINAL ON s.series_id = p.series_id
LEFT JOIN logical_devices AS d FINAL ON d.uid = p.logical_uid
LEFT JOIN rules AS r ON r.device = s.device AND r.logical_uid = p.logical_uid
WHERE p.logical_uid != 0
  AND NOT (ruled AND rule.5 = 1)
  AND (shown IS NULL OR isFinite(shown));
