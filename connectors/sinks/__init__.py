"""From topics to the world: each sink with its own consumer group, at its own pace."""
