-- Which devices have said nothing for this many seconds ({late_s:UInt32})?
SELECT device, max(time) AS last_time, dateDiff('second', last_time, now64()) AS silent_s
FROM latest_readings
GROUP BY device
HAVING silent_s > {late_s:UInt32}
ORDER BY silent_s DESC
