//! What was removed for good stands in no file any more.

use std::path::Path;

use runnel::chat::{AnswerEvent, ConversationId, QuestionId, Source};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{AnswerStore, ConversationStore, EventLog, SqliteStore, Store};

use super::{Folder, run_sql};
use crate::store_contract::{
    ME, MIDNIGHT, applied, begin, chat, complete, ended, finish, load, new_answer, say,
};

/// Words that stand nowhere else. Each ends in letters of its own: an index keeps what words begin with in common
/// only once.
fn secrets(what: char, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{what}{:08x}", (number + 1) * 0x0135_7913)).collect()
}

/// Panics if one of the words, or the end of one, stands in any file of the folder, in upper or lower case.
fn assert_nowhere(folder: &Folder, words: &[String], when: &str) {
    let mut names = vec![];
    for (name, bytes) in folder.content() {
        let bytes = bytes.to_ascii_lowercase();
        for word in words {
            for part in [word.as_str(), &word[2..]] {
                let is_there = bytes.windows(part.len()).any(|window| window == part.as_bytes());
                if is_there {
                    names.push(format!("{part} of {word} in {name}"));
                }
            }
        }
    }
    assert!(names.is_empty(), "{when}: {} places, such as {:?}", names.len(), names[0]);
}

/// That the words can be found at all, before.
fn assert_somewhere(folder: &Folder, words: &[String]) {
    let content = folder.content();
    for word in words {
        let is_there = |bytes: &Vec<u8>| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(content.values().any(is_there), "{word}");
    }
}

async fn delete(store: &SqliteStore, id: ConversationId) {
    assert!(store.change_conversation(&ME, id, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap());
}

/// Something to stand beside it, so that its pages and its places in the index are shared.
async fn neighbours(store: &SqliteStore) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for number in 0..12 {
        let hay = format!("hay{number} stack{} straw ", number % 3).repeat(40);
        ids.push(chat(store, &hay, &hay).await.0);
    }
    ids
}

#[tokio::test]
async fn nothing_of_what_is_purged_stays_in_any_file_while_runnel_goes_on() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    neighbours(&store).await;
    let [question, answer, reasoning, source] = ['q', 'a', 'r', 's'].map(|kind| secrets(kind, 15));
    let new = new_answer(ConversationId::now(), None, &question.join(" "));
    let id = new.conversation;
    begin(&store, &new).await;
    let events = [
        AnswerEvent::Source(Source { provider: Some(source.join(" ")), ..Source::default() }),
        AnswerEvent::Reasoning(reasoning.join(" ")),
        // More than fits one page.
        AnswerEvent::Text(format!("{} {}", answer.join("\n"), "hay ".repeat(2000))),
    ];
    store.append(new.answer.id, new.answer.seq, events.to_vec()).await.unwrap();
    let written = applied(&new.answer, &events);
    store.finish_answer(&applied(&written, &[AnswerEvent::End(complete(None))]), MIDNIGHT).await.unwrap();
    store.forget(written.id).await;
    let [first_title, title, draft] = ['f', 't', 'd'].map(|kind| secrets(kind, 5));
    for change in [
        ConversationChange::Title(first_title.join(" ")),
        ConversationChange::Draft(draft.join(" ")),
        ConversationChange::Title(title.join(" ")),
    ] {
        assert!(store.change_conversation(&ME, id, &change, MIDNIGHT).await.unwrap());
    }
    let kept = neighbours(&store).await;
    let words = [question, answer, reasoning, source, first_title, title, draft].concat();
    assert_somewhere(&folder, &words);

    delete(&store, id).await;
    assert_eq!(store.purge_deleted(MIDNIGHT).await.unwrap(), 0);
    assert_somewhere(&folder, &words[..15]);
    assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);
    assert_nowhere(&folder, &words, "after the purge");

    for id in kept {
        assert!(load(&store, id).await.questions[0].text().starts_with("hay"));
    }
    assert_eq!(store.search(&ME, "stack2 hay11", 99).await.unwrap().len(), 6, "the others are found");
    assert_eq!(store.search(&ME, &words[0], 99).await.unwrap(), []);
    chat(&store, "It goes on?", "It does.").await;
    store.close().await;
    assert_eq!(super::integrity(&folder.file()).await, "ok");
    assert_nowhere(&folder, &words, "after it was closed");
}

#[tokio::test]
async fn an_answer_that_is_being_written_keeps_its_log_when_others_are_purged() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let running = new_answer(ConversationId::now(), None, "Running?");
    begin(&store, &running).await;
    let first = [AnswerEvent::Text("Half ".to_owned())];
    store.append(running.answer.id, running.answer.seq, first.to_vec()).await.unwrap();
    let written = applied(&running.answer, &first);

    let words = secrets('w', 20);
    let new = new_answer(ConversationId::now(), None, "Secret?");
    begin(&store, &new).await;
    let events = vec![AnswerEvent::Text(words.join(" "))];
    store.append(new.answer.id, new.answer.seq, events).await.unwrap();
    store.finish_answer(&ended(&new.answer, &words.join(" ")), MIDNIGHT).await.unwrap();
    store.forget(new.answer.id).await;
    delete(&store, new.conversation).await;
    assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);
    assert_eq!(store.logged_answers().await.unwrap(), std::slice::from_ref(&written));

    let second = [AnswerEvent::Text("and half".to_owned())];
    store.append(written.id, written.seq, second.to_vec()).await.unwrap();
    let written = applied(&written, &second);
    assert_eq!(store.logged_answers().await.unwrap(), std::slice::from_ref(&written));
    store.finish_answer(&ended(&written, ""), MIDNIGHT).await.unwrap();
    store.forget(written.id).await;
    store.purge_deleted(MIDNIGHT + 1).await.unwrap();
    assert_nowhere(&folder, &words, "once nobody needs the segment");
}

#[tokio::test]
async fn a_reader_who_holds_the_write_ahead_log_only_puts_the_erasing_off() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let words = secrets('w', 20);
    let (id, _) = chat(&store, &words.join(" "), "Yes.").await;
    let mut reader = super::connect(&folder.file()).await;
    for begin in ["BEGIN", "SELECT count(*) FROM questions"] {
        sqlx::query(begin).execute(&mut reader).await.unwrap();
    }
    delete(&store, id).await;
    assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);
    sqlx::query("COMMIT").execute(&mut reader).await.unwrap();
    assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 0);
    assert_nowhere(&folder, &words, "after the next purge");
}

#[tokio::test]
async fn what_an_earlier_runnel_removed_is_erased_when_this_one_opens_the_file() {
    let folder = Folder::new();
    let words = secrets('w', 30);
    let store = folder.open().await.unwrap();
    neighbours(&store).await;
    let (id, _) = say_secret(&store, &words).await;
    store.close().await;
    // As the first version did it, which neither overwrote anything nor knew the words of a text.
    let first_version = include_str!("../../server/store/migrations/0001_conversations.sql");
    let index = first_version.split_once("CREATE VIRTUAL TABLE").unwrap().1;
    let back = format!(
        "PRAGMA secure_delete = OFF; PRAGMA foreign_keys = ON; PRAGMA user_version = 0; \
         DROP TRIGGER index_title; DROP TRIGGER index_new_title; DROP TRIGGER forget_title; \
         DROP TRIGGER index_question; DROP TRIGGER forget_question; \
         DROP TRIGGER index_answer; DROP TRIGGER index_new_answer; DROP TRIGGER forget_answer; \
         DROP TABLE fts; CREATE VIRTUAL TABLE {index}; \
         ALTER TABLE texts DROP COLUMN blocks; ALTER TABLE questions DROP COLUMN blocks; \
         ALTER TABLE answers RENAME COLUMN metadata TO rest; ALTER TABLE conversations DROP COLUMN settings; ALTER TABLE conversations DROP COLUMN leaves; \
         DROP TABLE jobs; DROP INDEX conversations_by_time; ALTER TABLE conversations DROP COLUMN owner; \
         CREATE INDEX conversations_by_time ON conversations (updated_ms DESC) WHERE deleted_ms IS NULL; \
         INSERT INTO words (rowid, text) SELECT number * 3 + 1, text FROM questions; \
         INSERT INTO words (rowid, text) SELECT answer * 3 + 2, text FROM texts; \
         DELETE FROM _sqlx_migrations WHERE version > 1; \
         DELETE FROM conversations WHERE id = x'{}'",
        id.0.simple()
    );
    run_sql(&folder.file(), &back).await;
    assert_somewhere(&folder, &words[..1]);

    let store = folder.open().await.unwrap();
    assert_nowhere(&folder, &words, "after it was opened");
    assert_eq!(store.list_ids(&ME).await.unwrap().len(), 12);
    assert_eq!(store.search(&ME, "stack2 hay11", 99).await.unwrap().len(), 3);
    store.close().await;
}

async fn say_secret(store: &SqliteStore, words: &[String]) -> (ConversationId, QuestionId) {
    let (id, answer) = chat(store, &words.join(" "), &words.join(" ")).await;
    let next = new_answer(id, Some(answer.id), &words.join("\n"));
    finish(store, &next, "Yes.").await;
    say(store, id, Some(next.answer.id), "And?", &words.concat()).await;
    (id, next.question.id)
}

/// The file and its backup.
#[tokio::test]
async fn a_backup_has_nothing_of_what_was_removed() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let words = secrets('w', 20);
    let (id, _) = say_secret(&store, &words).await;
    delete(&store, id).await;
    store.purge_deleted(MIDNIGHT + 1).await.unwrap();
    let backup: &Path = &folder.0.path().join("backup.db");
    store.backup(backup).await.unwrap();
    assert_nowhere(&folder, &words, "in the backup");
}
