-- The blocks of an answer's content as JSON, in order, with the length of each text in its place; NULL in answers from
-- before this was kept, whose other content stands in `metadata`.
ALTER TABLE texts ADD COLUMN blocks TEXT;
-- The same of a question; NULL if it is text alone.
ALTER TABLE questions ADD COLUMN blocks TEXT;

-- The answers at the ends of the branches that are shown beside each other, as JSON; NULL if it is one branch.
ALTER TABLE conversations ADD COLUMN leaves TEXT;

-- Names that say what they are: an answer as JSON without its content, and the index for full-text search.
ALTER TABLE answers RENAME COLUMN rest TO metadata;

DROP TRIGGER index_title;
DROP TRIGGER index_new_title;
DROP TRIGGER forget_title;
DROP TRIGGER index_question;
DROP TRIGGER forget_question;
DROP TRIGGER index_answer;
DROP TRIGGER index_new_answer;
DROP TRIGGER forget_answer;
ALTER TABLE words RENAME TO fts;

CREATE TRIGGER index_title AFTER INSERT ON conversations BEGIN
    INSERT INTO fts (rowid, text) VALUES (new.number * 3, new.title);
END;
CREATE TRIGGER index_new_title AFTER UPDATE OF title ON conversations BEGIN
    INSERT INTO fts (fts, rowid, text) VALUES ('delete', old.number * 3, old.title);
    INSERT INTO fts (rowid, text) VALUES (new.number * 3, new.title);
END;
CREATE TRIGGER forget_title AFTER DELETE ON conversations BEGIN
    INSERT INTO fts (fts, rowid, text) VALUES ('delete', old.number * 3, old.title);
END;

CREATE TRIGGER index_question AFTER INSERT ON questions BEGIN
    INSERT INTO fts (rowid, text) VALUES (new.number * 3 + 1, new.text);
END;
CREATE TRIGGER forget_question AFTER DELETE ON questions BEGIN
    INSERT INTO fts (fts, rowid, text) VALUES ('delete', old.number * 3 + 1, old.text);
END;

CREATE TRIGGER index_answer AFTER INSERT ON texts BEGIN
    INSERT INTO fts (rowid, text) VALUES (new.answer * 3 + 2, new.text);
END;
CREATE TRIGGER index_new_answer AFTER UPDATE OF text ON texts BEGIN
    INSERT INTO fts (fts, rowid, text) VALUES ('delete', old.answer * 3 + 2, old.text);
    INSERT INTO fts (rowid, text) VALUES (new.answer * 3 + 2, new.text);
END;
CREATE TRIGGER forget_answer AFTER DELETE ON texts BEGIN
    INSERT INTO fts (fts, rowid, text) VALUES ('delete', old.answer * 3 + 2, old.text);
END;
