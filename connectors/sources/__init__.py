"""From the world to topic `raw`: acknowledged only when durable."""
