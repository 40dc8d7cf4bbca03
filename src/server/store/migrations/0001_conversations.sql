PRAGMA application_id = 0x52554e4c;

-- Ids are UUIDs as 16 bytes; times are milliseconds since 1970. Sequence numbers keep the order in which things
-- were begun, and are what the search index knows messages by.

CREATE TABLE conversations (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    title TEXT NOT NULL,
    is_title_chosen INTEGER NOT NULL DEFAULT 0,
    is_pinned INTEGER NOT NULL DEFAULT 0,
    is_archived INTEGER NOT NULL DEFAULT 0,
    is_unread INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER,
    version INTEGER NOT NULL DEFAULT 0,
    draft TEXT NOT NULL DEFAULT '',
    leaf BLOB
) STRICT;

CREATE INDEX conversations_by_time ON conversations (updated_ms DESC) WHERE deleted_ms IS NULL;

CREATE TABLE questions (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    after_answer BLOB,
    text TEXT NOT NULL,
    asked_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX questions_by_conversation ON questions (conversation);

-- `rest` is the answer as JSON without its text and reasoning.
CREATE TABLE answers (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    question INTEGER NOT NULL REFERENCES questions (number) ON DELETE CASCADE,
    is_running INTEGER NOT NULL,
    has_open_bill INTEGER NOT NULL DEFAULT 0,
    ended_ms INTEGER,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cost REAL,
    rest TEXT NOT NULL
) STRICT;

CREATE INDEX answers_by_question ON answers (question);
CREATE INDEX answers_running ON answers (number) WHERE is_running = 1;
CREATE INDEX answers_with_open_bill ON answers (number) WHERE has_open_bill = 1;

-- Written once, when the answer has ended: a change to the answer, such as its bill, must not write them again.
CREATE TABLE texts (
    answer INTEGER PRIMARY KEY REFERENCES answers (number) ON DELETE CASCADE,
    reasoning TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

-- The words of titles, questions and answers. It holds no text of its own: a row's number is three times that of
-- what it indexes, plus 0 for a title, 1 for a question, 2 for an answer.
CREATE VIRTUAL TABLE words USING fts5 (
    text,
    content = '',
    contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);

-- Deleting a conversation deletes its words.
CREATE TRIGGER forget_title AFTER DELETE ON conversations BEGIN
    DELETE FROM words WHERE rowid = old.number * 3;
END;
CREATE TRIGGER forget_question AFTER DELETE ON questions BEGIN
    DELETE FROM words WHERE rowid = old.number * 3 + 1;
END;
CREATE TRIGGER forget_answer AFTER DELETE ON answers BEGIN
    DELETE FROM words WHERE rowid = old.number * 3 + 2;
END;
