-- Which log lines did vibration sensors send, by serial number, level (both '' for any) and time ({serial:String}, {level:String}, {from_time:String}, {until_time:String})?
SELECT
    time,
    substring(device, length('vibration:') + 1) AS serial,
    substring(text, 1, position(text, ' ') - 1) AS level,
    substring(text, position(text, ' ') + 1) AS message,
    replaceOne(trim(TRAILING '.' FROM trim(TRAILING '0' FROM toString(time))), ' ', 'T') AS moment,
    replaceAll(replaceRegexpAll(message, '(["\\\\])', '\\\\\\1'), '\n', '\\n') AS escaped,
    concat('time="', moment, 'Z" logger="', serial, '" level="', level, '" message="', escaped, '"') AS line
FROM readings
WHERE series_id IN
    (
        SELECT series_id FROM series
        WHERE source = 'vibration' AND name = 'log' AND ({serial:String} = '' OR device = concat('vibration:', {serial:String}))
    )
    AND time >= parseDateTime64BestEffort({from_time:String}, 9, 'UTC')
    AND time < parseDateTime64BestEffort({until_time:String}, 9, 'UTC')
    AND ({level:String} = '' OR startsWith(text, concat({level:String}, ' ')))
ORDER BY time, serial
