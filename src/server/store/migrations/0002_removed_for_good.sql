-- What is removed has to be gone from the file, its words in the search index too. A table with contentless_delete
-- only notes that a row is deleted and keeps the row's words until some later merge. This one is told the old text
-- with each removal, and with 'secure-delete' it takes the words out of the index in the same transaction.

DROP TRIGGER forget_title;
DROP TRIGGER forget_question;
DROP TRIGGER forget_answer;
DROP TABLE words;

-- The words of titles, questions and answers. It holds no text of its own: a row's number is three times that of
-- what it indexes, plus 0 for a title, 1 for a question, 2 for an answer.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);

INSERT INTO words (rowid, text) SELECT number * 3, title FROM conversations;
INSERT INTO words (rowid, text) SELECT number * 3 + 1, text FROM questions;
INSERT INTO words (rowid, text) SELECT answer * 3 + 2, text FROM texts;

-- The index follows the texts by itself. A text that differs from the one that was indexed could not be taken out.
CREATE TRIGGER index_title AFTER INSERT ON conversations BEGIN
    INSERT INTO words (rowid, text) VALUES (new.number * 3, new.title);
END;
CREATE TRIGGER index_new_title AFTER UPDATE OF title ON conversations BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number * 3, old.title);
    INSERT INTO words (rowid, text) VALUES (new.number * 3, new.title);
END;
CREATE TRIGGER forget_title AFTER DELETE ON conversations BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number * 3, old.title);
END;

CREATE TRIGGER index_question AFTER INSERT ON questions BEGIN
    INSERT INTO words (rowid, text) VALUES (new.number * 3 + 1, new.text);
END;
CREATE TRIGGER forget_question AFTER DELETE ON questions BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number * 3 + 1, old.text);
END;

CREATE TRIGGER index_answer AFTER INSERT ON texts BEGIN
    INSERT INTO words (rowid, text) VALUES (new.answer * 3 + 2, new.text);
END;
CREATE TRIGGER index_new_answer AFTER UPDATE OF text ON texts BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.answer * 3 + 2, old.text);
    INSERT INTO words (rowid, text) VALUES (new.answer * 3 + 2, new.text);
END;
CREATE TRIGGER forget_answer AFTER DELETE ON texts BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.answer * 3 + 2, old.text);
END;

-- Only the answers of a fork ended without a time. That they are copies has to be known outside of this database.
UPDATE answers SET rest = json_set(rest, '$.is_copy', json('true'))
WHERE is_running = 0 AND ended_ms IS NULL AND json_valid(rest);

-- An import could bring a version that cannot be counted up.
UPDATE conversations SET version = 0 WHERE version NOT BETWEEN 0 AND 9007199254740991;
