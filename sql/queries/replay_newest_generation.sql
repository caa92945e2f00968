-- Which is the highest generation of rows around the difference, hidden rows and tombstones too? (asked before one is opened)
-- A registry that was restored may have lost it, and would give a number again that such rows stand above.
SELECT max(bitShiftRight(version, 46))
FROM points
WHERE series_id IN (SELECT series_id FROM replay_${job}_diff)
  AND ts >= (SELECT min(ts) FROM replay_${job}_diff) AND ts <= (SELECT max(ts) FROM replay_${job}_diff)
