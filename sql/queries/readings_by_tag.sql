-- What did the devices of this data set ({dataset:String}) with this tag ({tag:String} = {value:String}) measure, newest first?
SELECT device, name, time, value, text, unit
FROM readings
WHERE device IN
(
    SELECT device FROM physical_devices FINAL
    WHERE source_ids['dataset'] = {dataset:String}
      AND source_ids[concat('tag.', {tag:String})] = {value:String}
)
ORDER BY time DESC, device, name
LIMIT 1000
