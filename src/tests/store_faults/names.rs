//! One database that has several names.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use runnel::chat::{AnswerEvent, ConversationId};
use runnel::server::store::{
    AnswerStore, ConversationStore, EventLog, NewAnswer, SqliteStore, Store, StoreError,
};

use super::disks::Disk;
use super::{Folder, assert_sentence};
use crate::store_contract::{ME, MIDNIGHT, applied, begin, ended, load_answer, new_answer};

/// The names: through a link to the file, through a link to its folder, and on Linux a hard link.
fn names(folder: &Folder, elsewhere: &Folder) -> Vec<PathBuf> {
    let to_file = elsewhere.0.path().join("link.db");
    symlink(folder.file(), &to_file).unwrap();
    symlink(folder.0.path(), elsewhere.0.path().join("folder")).unwrap();
    let mut names = vec![to_file, elsewhere.0.path().join("folder/runnel.db")];
    if cfg!(target_os = "linux") {
        names.push(folder.0.path().join("other-name.db"));
        fs::hard_link(folder.file(), &names[2]).unwrap();
    }
    names
}

/// Half of an answer is in the log.
async fn half_an_answer(store: &SqliteStore) -> NewAnswer {
    let new = new_answer(ConversationId::now(), None, "Running?");
    begin(store, &new).await;
    store.append(new.answer.id, new.answer.seq, half()).await.unwrap();
    new
}

fn half() -> Vec<AnswerEvent> {
    vec![AnswerEvent::Text("Half ".to_owned())]
}

#[tokio::test]
async fn a_second_runnel_is_told_by_whatever_name_it_opens_the_file() {
    let (folder, elsewhere) = (Folder::with_a_chat().await, Folder::new());
    let names = names(&folder, &elsewhere);
    let opened_by = [vec![folder.file()], names.clone()].concat();
    for first in &opened_by {
        let store = SqliteStore::open(first).await.unwrap();
        for second in opened_by.iter().filter(|second| *second != first) {
            let refused = SqliteStore::open(second).await.unwrap_err();
            assert_sentence(&refused, StoreError::InUse(second.clone()));
        }
        let new = half_an_answer(&store).await;
        store.finish_answer(&ended(&applied(&new.answer, &half()), "and half"), MIDNIGHT).await.unwrap();
        store.close().await;
    }
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), []);
    assert_eq!(store.list_ids(&ME).await.unwrap().len(), 1 + opened_by.len());
}

#[tokio::test]
async fn beside_a_running_one_a_link_leads_to_its_log_and_another_name_nowhere() {
    let (folder, elsewhere) = (Folder::with_a_chat().await, Folder::new());
    let names = names(&folder, &elsewhere);
    let store = folder.open().await.unwrap();
    let written = applied(&half_an_answer(&store).await.answer, &half());
    let links = [vec![folder.file()], names[..2].to_vec()].concat();
    for (number, name) in links.iter().enumerate() {
        let beside = SqliteStore::open_beside(name).await.unwrap();
        assert_eq!(
            beside.logged_answers().await.unwrap(),
            std::slice::from_ref(&written),
            "{}",
            name.display()
        );
        let backup = elsewhere.0.path().join(format!("backup-{number}.db"));
        beside.backup(&backup).await.unwrap();
        let copy = SqliteStore::open(&backup).await.unwrap();
        assert_eq!(load_answer(&copy, written.id).await.text(), "Half ", "{}", name.display());
        copy.close().await;
        beside.close().await;
    }
    // By another name SQLite would have another write-ahead log.
    for name in &names[2..] {
        let refused = SqliteStore::open_beside(name).await.unwrap_err();
        assert_sentence(&refused, StoreError::InUse(name.clone()));
    }
    store.close().await;
    for name in &names[2..] {
        SqliteStore::open_beside(name).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn what_a_crash_left_beside_a_link_is_recovered() {
    recover_beside_a_link(Folder::with_a_chat().await, Folder::new()).await;
}

#[tokio::test]
async fn what_a_crash_left_beside_a_link_to_another_disk_is_recovered() {
    let elsewhere = Folder::new();
    let Some(_disk) = Disk::mount(elsewhere.0.path(), "size=1m") else { return };
    recover_beside_a_link(Folder::with_a_chat().await, elsewhere).await;
}

/// Versions before this one had the log beside the link.
async fn recover_beside_a_link(folder: Folder, elsewhere: Folder) {
    let link = &elsewhere.0.path().join("link.db");
    symlink(folder.file(), link).unwrap();
    let store = folder.open().await.unwrap();
    let written = applied(&half_an_answer(&store).await.answer, &half());
    store.close().await;
    let log = |file: &PathBuf| PathBuf::from(format!("{}-log", file.display()));
    fs::create_dir(log(link)).unwrap();
    for entry in fs::read_dir(log(&folder.file())).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, log(link).join(path.file_name().unwrap())).unwrap();
    }
    fs::remove_dir_all(log(&folder.file())).unwrap();
    let store = SqliteStore::open(link).await.unwrap();
    assert_eq!(store.recover().await.unwrap(), [written]);
    assert!(!log(link).exists());
    store.close().await;
}
