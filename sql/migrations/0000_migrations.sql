-- What has been applied to this database, and the checksum of the text that was: an edited migration is refused.
-- Statements of every migration may run again (IF NOT EXISTS, OR REPLACE): a run that died half-way is simply repeated.
CREATE TABLE IF NOT EXISTS migrations
(
    number     UInt32,
    name       String,
    checksum   String COMMENT 'sha-256 of the file',
    applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY number;
