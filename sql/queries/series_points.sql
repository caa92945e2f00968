-- What are the points of one measurement of one device, with the raw record they come from ({device:String}, {name:String})?
SELECT time, value, text, unit, generation, raw_partition, raw_offset
FROM readings
WHERE series_id IN (SELECT series_id FROM series WHERE device = {device:String} AND name = {name:String})
ORDER BY time
