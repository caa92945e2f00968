-- What did these series do in these windows? (run by the ClickHouse sink for repairs and rollups)
-- $keys: (series_id, number of the window since the epoch), … · $window: length in seconds · $label: `readings` offset held.
-- Not FINAL: the winning row is chosen here so that tombstones count towards the generation, which then never falls.
-- tuple(): argMax skips NULL, and a text that replaced a number must win. One window's rows come in key order.
INSERT INTO aggregates
    (series_id, window_s, start, count, sum, min, max, first, last, median, version, is_deleted)
SELECT
    series_id,
    $window,
    toDateTime64(slot * $window, 0, 'UTC'),
    count(number) AS numbers,
    sumKahan(number),
    min(number),
    max(number),
    argMin(number, ts),
    argMax(number, ts),
    (quantileExactLow(0.5)(number) + quantileExactHigh(0.5)(number)) / 2,
    bitOr(bitShiftLeft(bitShiftRight(max(newest), 46), 46), $label),
    numbers = 0
FROM
(
    SELECT
        series_id,
        ts,
        intDiv(toUnixTimestamp64Nano(ts), $window * 1000000000) AS slot,
        max(version) AS newest,
        argMax(tuple(if(is_deleted, NULL, value)), version).1 AS number
    FROM points
    WHERE ts >= fromUnixTimestamp64Nano(toInt64($from)) AND ts < fromUnixTimestamp64Nano(toInt64($until))
      AND series_id IN ($series)
      AND (series_id, slot) IN ($keys)
    GROUP BY series_id, ts
)
GROUP BY series_id, slot
SETTINGS optimize_aggregation_in_order = 1, max_partitions_per_insert_block = 0
