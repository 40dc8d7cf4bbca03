-- Work that is done later, and again if its process ends in between. `kind` and `subject` say what; see `JobKind`.
CREATE TABLE jobs (
    kind INTEGER NOT NULL,
    subject BLOB NOT NULL,
    due_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
CREATE INDEX jobs_by_time ON jobs (due_ms);
