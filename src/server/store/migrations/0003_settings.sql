-- What is set for a conversation's next question, as JSON; NULL in conversations from before this was kept.
ALTER TABLE conversations ADD COLUMN settings TEXT;
