-- What were the hourly means of this logical device ({logical_device:String})?
SELECT name, toStartOfHour(time) AS hour, round(avg(value), 3) AS mean, count(value) AS numbers, any(unit) AS unit
FROM logical_readings
WHERE logical_device = {logical_device:String} AND value IS NOT NULL
GROUP BY name, hour
ORDER BY name, hour
