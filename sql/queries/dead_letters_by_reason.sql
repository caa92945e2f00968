-- How many records could not go on, and why?
SELECT stage, reason, count() AS letters
FROM dead_letters FINAL
GROUP BY stage, reason
ORDER BY letters DESC, stage, reason
