-- Which messages were received, in the order of the log ({source}: empty for any, {start}, {end} in ns)?
SELECT
    raw_partition,
    raw_offset,
    id,
    source,
    transport,
    address,
    received_at,
    content_type,
    headers,
    if(isValidUTF8(payload), payload, NULL) AS text,
    if(isValidUTF8(payload), NULL, base64Encode(payload)) AS base64
FROM raw_messages FINAL
WHERE ({source:String} = '' OR source = {source:String})
  AND received_at > fromUnixTimestamp64Nano({start:Int64})
  AND received_at <= fromUnixTimestamp64Nano({end:Int64})
ORDER BY raw_partition, raw_offset
