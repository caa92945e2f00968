-- Which names does a replay's undo give back? (those that still are the replay's, as they were before)
-- generation: of the rows written.
INSERT INTO replay_${job}_undo_names (series_id, device, name, unit, source, first_seen, version)
SELECT
    s.series_id,
    s.device,
    s.name,
    n.before_unit,
    n.before_source,
    n.before_first_seen,
    bitOr(bitShiftLeft(toUInt64($generation), 46), bitAnd(n.before_version, 70368744177663))
FROM series AS s FINAL
INNER JOIN replay_${job}_names AS n FINAL ON n.series_id = s.series_id
WHERE n.known AND s.version = n.version
