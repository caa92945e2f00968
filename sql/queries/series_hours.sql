-- What did one measurement of one device do, hour by hour ({device:String}, {name:String})?
SELECT start, count, mean, min, max, first, last, median
FROM named_aggregates
WHERE window_s = 3600
  AND series_id IN (SELECT series_id FROM series WHERE device = {device:String} AND name = {name:String})
ORDER BY start
