-- What did each measurement of every device say last?
SELECT device, name, time, value, text, unit
FROM latest_readings
ORDER BY device, name
