-- Which points stand at another logical device than the mapping of now says? (mode place of a replay)
-- segments: (device, from in ns, logical device), …: a device stands there until its next segment, before all at 0.
-- fits: what else is asked of a row p.
WITH
    segments AS
    (
        SELECT s.1 AS device, fromUnixTimestamp64Nano(s.2) AS since, s.3 AS uid
        FROM (SELECT arrayJoin(CAST([$segments], 'Array(Tuple(String, Int64, UInt32))')) AS s)
    ),
    named AS
    (
        SELECT series_id, device FROM series FINAL WHERE device IN (SELECT device FROM segments)
    )
SELECT
    p.series_id AS series_id,
    p.ts AS ts,
    p.value AS value,
    p.text AS text,
    p.quality AS quality,
    s.uid AS logical_uid,
    p.version AS version,
    p.logical_uid AS before_uid
FROM
(
    SELECT * FROM points FINAL WHERE series_id IN (SELECT series_id FROM named) AND $fits
) AS p
INNER JOIN named AS n ON n.series_id = p.series_id
ASOF JOIN segments AS s ON s.device = n.device AND p.ts >= s.since
