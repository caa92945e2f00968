-- Which granules can hold points of these raw records? A series' granule spans hours or days, so it spans few offsets:
-- a replay or a trace of some raw records reads those alone. Offset and partition as they stand in version (46 low bits).
-- Parts from before this migration get it when they are merged.
ALTER TABLE points
    ADD INDEX IF NOT EXISTS by_lineage bitAnd(version, 70368744177663) TYPE minmax GRANULARITY 1;
