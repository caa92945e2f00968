-- Which names that a replay changed still are as it left them? (asked before an undo, and by it)
-- undos: generations of undos; as with points, what one of them put back is the same name.
SELECT
    s.series_id AS series_id,
    s.device AS device,
    s.name AS name,
    n.before_unit AS before_unit,
    n.before_source AS before_source,
    n.before_first_seen AS before_first_seen,
    n.before_version AS before_version
FROM (SELECT * FROM series FINAL WHERE series_id IN (SELECT series_id FROM replay_${job}_names)) AS s
INNER JOIN (SELECT * FROM replay_${job}_names FINAL WHERE known) AS n ON n.series_id = s.series_id
WHERE s.version = n.version
   OR (
       bitShiftRight(s.version, 46) IN ($undos)
       AND bitAnd(s.version, 70368744177663) = bitAnd(n.version, 70368744177663)
       AND (s.unit, s.source, s.first_seen) = (n.unit, n.source, n.first_seen)
   )
