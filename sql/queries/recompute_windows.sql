-- What did these series do in these windows? (run by the ClickHouse sink for repairs and rollups, and by replays)
-- wanted: a SELECT of series_id, slot (number of the window since the epoch) and label (`readings` offset up to which
-- its points are held); window: length in seconds; from, until: ns.
-- The generation is that of all rows, tombstones too (FINAL hides them), so that it never falls; a window where FINAL
-- finds no number any more becomes a tombstone itself.
INSERT INTO aggregates
    (series_id, window_s, start, count, sum, min, max, first, last, median, version, is_deleted)
WITH
    wanted AS
    (
        $wanted
    ),
    held AS
    (
        SELECT series_id, intDiv(toUnixTimestamp64Nano(ts), $window * 1000000000) AS slot, max(version) AS newest
        FROM points
        WHERE ts >= fromUnixTimestamp64Nano(toInt64($from)) AND ts < fromUnixTimestamp64Nano(toInt64($until))
          AND series_id IN (SELECT series_id FROM wanted)
        GROUP BY series_id, slot
    ),
    found AS
    (
        SELECT
            series_id,
            intDiv(toUnixTimestamp64Nano(ts), $window * 1000000000) AS slot,
            count(value) AS numbers,
            -- What is kept beside such a sum makes infinity no number.
            if(isFinite(sumKahan(value)), sumKahan(value), sum(value)) AS total,
            min(value) AS lowest,
            max(value) AS highest,
            argMin(value, ts) AS oldest_value,
            argMax(value, ts) AS newest_value,
            quantileExactLow(0.5)(value) AS low,
            quantileExactHigh(0.5)(value) AS high,
            if(isFinite(low + high), (low + high) / 2, low / 2 + high / 2) AS middle
        FROM points FINAL
        WHERE ts >= fromUnixTimestamp64Nano(toInt64($from)) AND ts < fromUnixTimestamp64Nano(toInt64($until))
          AND series_id IN (SELECT series_id FROM wanted)
          AND (series_id, slot) IN (SELECT series_id, slot FROM wanted)
        GROUP BY series_id, slot
    )
SELECT
    series_id,
    $window,
    toDateTime64(slot * $window, 0, 'UTC'),
    numbers,
    total,
    lowest,
    highest,
    oldest_value,
    newest_value,
    middle,
    bitOr(bitShiftLeft(bitShiftRight(newest, 46), 46), label),
    numbers = 0
FROM wanted
INNER JOIN held USING (series_id, slot)
LEFT JOIN found USING (series_id, slot)
SETTINGS max_partitions_per_insert_block = 0, do_not_merge_across_partitions_select_final = 1
