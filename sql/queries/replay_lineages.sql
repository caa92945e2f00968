-- Which runs of offsets do these raw records make? (run by a replay)
-- lineages: a SELECT of distinct raw_partition and raw_offset.
SELECT raw_partition, min(raw_offset) AS first, max(raw_offset) AS last
FROM
(
    SELECT
        raw_partition,
        raw_offset,
        raw_offset - row_number() OVER (PARTITION BY raw_partition ORDER BY raw_offset) AS run
    FROM ($lineages)
)
GROUP BY raw_partition, run
ORDER BY raw_partition, first
