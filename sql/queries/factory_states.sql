-- Which factory sensors are online, and not silent for three heartbeats of this many seconds ({heartbeat_s:UInt32})?
SELECT
    device,
    time AS last_told,
    if(value = 1 AND time >= now64(9) - toIntervalSecond(3 * {heartbeat_s:UInt32}), 'online', 'offline') AS state
FROM latest_readings
WHERE source = 'factory' AND name = 'online'
ORDER BY device
