-- How many bytes does a point take on disk, column by column?
SELECT
    column,
    sum(column_data_compressed_bytes) AS bytes,
    round(bytes / (SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'points'), 4) AS per_point
FROM system.parts_columns
WHERE active AND database = currentDatabase() AND table = 'points'
GROUP BY column
ORDER BY bytes DESC, column
