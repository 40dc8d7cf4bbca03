-- Each conversation belongs to a user. What is there belongs to the one user of a Runnel without accounts.
ALTER TABLE conversations ADD COLUMN owner BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';

DROP INDEX conversations_by_time;
CREATE INDEX conversations_by_time ON conversations (owner, updated_ms DESC) WHERE deleted_ms IS NULL;
