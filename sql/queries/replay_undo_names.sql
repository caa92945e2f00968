-- Which names does a replay's undo give back? (those that still are the replay's, as they were before)
-- generation: of the rows written; standing: those names.
INSERT INTO replay_${job}_undo_names (series_id, device, name, unit, source, first_seen, version)
SELECT
    series_id,
    device,
    name,
    before_unit,
    before_source,
    before_first_seen,
    bitOr(bitShiftLeft(toUInt64($generation), 46), bitAnd(before_version, 70368744177663))
FROM
(
$standing
)
