//! Files of which something is missing or wrong.

use std::fs;
use std::slice;

use runnel::chat::{Answer, AnswerEvent, ConversationId};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{
    AnswerStore, ConversationStore, EventLog, NewAnswer, Store, StoreError, UsageStore,
};

use super::{Folder, integrity, run_sql};
use crate::store_contract::{
    ME, MIDNIGHT, applied, assert_not_found, begin, chat, ended, finish, load, new_answer, say,
};

/// Every page in turn: what is read of the rest is right or an error, and nobody panics.
#[tokio::test]
async fn damage_anywhere_is_told_when_it_is_met() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    for number in 0..8 {
        let text = format!("needle {number} {}", "hay ".repeat(100 * number));
        chat(&store, &text, &text).await;
    }
    store.close().await;
    let sound = fs::read(folder.file()).unwrap();
    let page = page_bytes(&sound);
    let mut met = 0;
    for at in (0..sound.len()).step_by(page) {
        // The header says what the file is; without it, it is somebody else's.
        let from = if at == 0 { 100 } else { at };
        let mut damaged = sound.clone();
        damaged[from..at + page].fill(0xa5);
        fs::write(folder.file(), &damaged).unwrap();
        for error in use_everything(&folder).await {
            let sentence = error.to_string();
            match error {
                StoreError::Damaged { file, .. } => {
                    met += 1;
                    assert_eq!(file, folder.file());
                    for word in ["is damaged", "Restore a backup", "--data"] {
                        assert!(sentence.contains(word), "{sentence}");
                    }
                }
                StoreError::Foreign(_) => assert_eq!(at, 0, "{sentence}"),
                other => panic!("{other:?} is not what page {} has", at / page),
            }
        }
    }
    assert!(met > 10, "damage was met {met} times");
    fs::write(folder.file(), &sound).unwrap();
    folder.assert_whole_chat().await;
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_told() {
    let folder = Folder::with_a_chat().await;
    let sound = fs::read(folder.file()).unwrap();
    for length in [50, 100, 1000, sound.len() / 2, sound.len() - 1] {
        fs::write(folder.file(), &sound[..length]).unwrap();
        let errors = use_everything(&folder).await;
        assert!(!errors.is_empty(), "{length} of {} bytes are taken for all", sound.len());
        for error in errors {
            let is_told = matches!(error, StoreError::Damaged { .. } | StoreError::Foreign(_));
            assert!(is_told, "{length} bytes: {error:?}");
        }
    }
}

/// A question that follows an answer to a later one: nobody is held up, and no other chat is touched.
#[tokio::test]
async fn a_branch_that_goes_round_in_a_circle_ends() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    let (conversation, first) = chat(&store, "One?", "One.").await;
    let second = say(&store, conversation, Some(first.id), "Two?", "Two.").await;
    assert_eq!(begin(&store, &new_answer(conversation, Some(second.id), "Three?")).await.len(), 2);
    store.close().await;
    let [question, answer] = [first.question.0, second.id.0].map(|id| id.simple().to_string());
    let circle = format!("UPDATE questions SET after_answer = x'{answer}' WHERE id = x'{question}'");
    run_sql(&folder.file(), &circle).await;

    let store = folder.open().await.unwrap();
    let outcome = store.begin_answer(&ME, &new_answer(conversation, Some(second.id), "Four?")).await;
    assert_not_found(outcome, "the answer that it follows");
    store.close().await;
    folder.assert_whole_chat().await;
}

/// What a crash leaves when the last writes did not reach the disk.
#[tokio::test]
async fn of_a_write_ahead_log_that_is_cut_off_a_prefix_is_there() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    let mut told = Vec::new();
    for number in 0..12 {
        let new = new_answer(ConversationId::now(), None, &format!("needle {number}"));
        let answer = finish(&store, &new, &format!("needle {number} {}", "hay ".repeat(500))).await;
        told.push((new, answer));
    }
    let running = new_answer(ConversationId::now(), None, "Running?");
    begin(&store, &running).await;
    let events = [AnswerEvent::Text("half".to_owned())];
    store.append(running.answer.id, running.answer.seq, events.to_vec()).await.unwrap();
    let left = folder.content();
    drop(store);

    let wal = left.keys().find(|name| name.ends_with("-wal")).unwrap();
    let length = left[wal].len();
    let mut seen = Vec::new();
    // A step that meets every part of a frame.
    for cut in (0..=length).rev().step_by((length / 60) | 1) {
        let crashed = Folder::new();
        crashed.put(&left);
        fs::write(crashed.0.path().join(wal), &left[wal][..cut]).unwrap();
        seen.push(assert_prefix(&crashed, &told, &applied(&running.answer, &events)).await);
    }
    assert_eq!((seen[0], *seen.last().unwrap()), (told.len() + 1, 0), "of the whole log, and of none of it");
    assert!(seen.is_sorted_by(|longer, shorter| longer >= shorter), "{seen:?}");
}

/// That the first of `told` are here, as they were told, and of the next at most the question. Gives how
/// many conversations there are, but for the first.
async fn assert_prefix(folder: &Folder, told: &[(NewAnswer, Answer)], running: &Answer) -> usize {
    let store = folder.open().await.unwrap();
    let unfinished = store.recover().await.unwrap();
    let ids = store.list_ids(&ME).await.unwrap();
    let there = ids.len() - 1;
    assert!(unfinished.len() <= 1, "{unfinished:?}");
    for ((new, answer), id) in told.iter().zip(&ids[1..]) {
        let conversation = load(&store, *id).await;
        assert_eq!(conversation.questions, slice::from_ref(&new.question));
        let is_kept = unfinished.iter().all(|unfinished| unfinished.id != answer.id);
        let expected = if is_kept { answer } else { &new.answer };
        assert_eq!(conversation.answers, slice::from_ref(expected));
        assert!(is_kept || *id == ids[there], "only the last may be unfinished");
    }
    if there > told.len() {
        assert_eq!(unfinished, slice::from_ref(running));
    }
    let words = store.search(&ME, "needle", 1000).await.unwrap().len();
    let asked = there.min(told.len());
    assert!(words == 3 * asked || words == 3 * asked - 1, "{words} words of {asked}");
    for answer in unfinished {
        store.finish_answer(&ended(&answer, ""), MIDNIGHT).await.unwrap();
    }
    chat(&store, "It goes on?", "It does.").await;
    store.close().await;
    assert_eq!(integrity(&folder.file()).await, "ok");
    there
}

/// Opens the database and does a bit of everything that a person does; gives what went wrong.
async fn use_everything(folder: &Folder) -> Vec<StoreError> {
    let store = match folder.open().await {
        Ok(store) => store,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    let ids = store.list_ids(&ME).await.unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    errors.extend(store.recover().await.err());
    errors.extend(store.list_conversations(&ME, 100).await.err());
    for id in &ids {
        errors.extend(store.find_conversation(&ME, *id).await.err());
        errors.extend(store.spending_of(&ME, *id).await.err());
        errors.extend(store.change_conversation(&ME, *id, &ConversationChange::Read, MIDNIGHT).await.err());
    }
    errors.extend(store.search(&ME, "needle", 100).await.err());
    errors.extend(store.list_open_bills().await.err());
    errors.extend(store.daily_spending(&ME, 100).await.err());
    let new = new_answer(ConversationId::now(), None, "A new needle?");
    match store.begin_answer(&ME, &new).await {
        Ok(_) => errors.extend(store.finish_answer(&ended(&new.answer, "Here."), MIDNIGHT).await.err()),
        Err(error) => errors.push(error),
    }
    for id in ids {
        errors.extend(store.change_conversation(&ME, id, &ConversationChange::Deleted(true), 0).await.err());
    }
    errors.extend(store.purge_deleted(1).await.err());
    store.close().await;
    errors
}

/// A size of 1 stands for 65,536 (<https://sqlite.org/fileformat.html#page_size>).
fn page_bytes(database: &[u8]) -> usize {
    match u16::from_be_bytes([database[16], database[17]]) {
        1 => 65_536,
        bytes => bytes.into(),
    }
}
