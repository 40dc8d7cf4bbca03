//! Disks that are full, or that may not be written.
//!
//! They are real ones. Where none can be had (it takes the right to mount one), a test says so and passes.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;

use futures::future::join_all;
use runnel::chat::{AnswerEvent, Conversation, ConversationId};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{AnswerStore, ConversationStore, EventLog, SqliteStore, Store, StoreError};

use super::{Folder, assert_sentence, integrity};
use crate::store_contract::{ME, MIDNIGHT, applied, begin, chat, ended, load, load_answer, new_answer};

#[tokio::test]
async fn a_read_only_folder_or_file_is_told() {
    for what in [ReadOnly::Folder, ReadOnly::File] {
        let folder = Folder::with_a_chat().await;
        let Some(guard) = what.make(&folder) else { continue };
        assert_sentence(&folder.open().await.unwrap_err(), StoreError::ReadOnly(folder.file()));
        if matches!(what, ReadOnly::Folder) {
            let new = folder.0.path().join("new.db");
            assert_sentence(&SqliteStore::open(&new).await.unwrap_err(), StoreError::ReadOnly(new));
        }
        drop(guard);
        folder.assert_whole_chat().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_costs_nothing_and_is_forgotten_when_there_is_space() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let store = folder.open().await.unwrap();
    let (id, first) = chat(&store, "Why?", "Because.").await;
    let running = new_answer(id, Some(first.id), "Running?");
    begin(&store, &running).await;
    let long = "long ".repeat(2000);
    let events = [AnswerEvent::Text(long.clone())];
    store.append(running.answer.id, running.answer.seq, events.to_vec()).await.unwrap();
    let written = applied(&running.answer, &events);
    let before = load(&store, id).await;

    let ballast = fill(folder.0.path());
    let full = || StoreError::DiskFull(folder.file());
    let more = new_answer(ConversationId::now(), None, &long);
    let finished = ended(&written, &long);
    for _ in 0..3 {
        assert_sentence(&store.begin_answer(&ME, &more).await.unwrap_err(), full());
        let refused = store.append(written.id, written.seq, events.to_vec()).await;
        assert_sentence(&refused.unwrap_err(), full());
        assert_sentence(&store.finish_answer(&finished, MIDNIGHT).await.unwrap_err(), full());
        let draft = ConversationChange::Draft(long.clone());
        assert_sentence(&store.change_conversation(&ME, id, &draft, MIDNIGHT).await.unwrap_err(), full());
        assert_sentence(&store.import(&ME, &[unsaved(&long)]).await.unwrap_err(), full());
    }
    assert_eq!(load(&store, id).await, before);
    assert_eq!(store.list_ids(&ME).await.unwrap(), [id]);
    assert_eq!(store.logged_answers().await.unwrap(), slice::from_ref(&written));

    fs::remove_file(ballast).unwrap();
    store.append(written.id, written.seq, events.to_vec()).await.unwrap();
    let written = applied(&written, &events);
    assert_eq!(store.logged_answers().await.unwrap(), slice::from_ref(&written));
    begin(&store, &more).await;
    store.finish_answer(&ended(&more.answer, "More."), MIDNIGHT).await.unwrap();
    let finished = ended(&written, "");
    store.finish_answer(&finished, MIDNIGHT).await.unwrap();
    store.close().await;

    assert_eq!(integrity(&folder.file()).await, "ok");
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), []);
    assert_eq!(load(&store, id).await.answers, [first, finished]);
    assert_eq!(load_answer(&store, more.answer.id).await.text(), "More.");
    store.close().await;
}

#[tokio::test]
async fn many_at_once_are_each_told_that_the_disk_is_full_and_kept_when_there_is_space() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=2m") else { return };
    let store = folder.open().await.unwrap();
    let mut answers = Vec::new();
    for number in 0..8 {
        let new = new_answer(ConversationId::now(), None, &format!("Question {number}?"));
        begin(&store, &new).await;
        answers.push(ended(&new.answer, &"long ".repeat(20_000)));
    }
    let ballast = fill(folder.0.path());
    let finish_all =
        async || join_all(answers.iter().map(|answer| store.finish_answer(answer, MIDNIGHT))).await;
    for refused in finish_all().await {
        assert_sentence(&refused.unwrap_err(), StoreError::DiskFull(folder.file()));
    }
    assert_eq!(store.list_running().await.unwrap().len(), answers.len());
    fs::remove_file(ballast).unwrap();
    for kept in finish_all().await {
        kept.unwrap();
    }
    for answer in &answers {
        assert_eq!(load_answer(&store, answer.id).await, *answer);
    }
    store.close().await;
    assert_eq!(integrity(&folder.file()).await, "ok");
}

#[tokio::test]
async fn a_disk_that_fills_up_keeps_all_that_was_acknowledged() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let store = folder.open().await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let new = new_answer(ConversationId::now(), None, &"long ".repeat(1000));
        if let Err(error) = store.begin_answer(&ME, &new).await {
            break error;
        }
        let answer = ended(&new.answer, &"answer ".repeat(500));
        let outcome = store.finish_answer(&answer, MIDNIGHT).await;
        kept.push(if outcome.is_ok() { answer } else { new.answer });
        if let Err(error) = outcome {
            break error;
        }
        assert!(kept.len() < 1000, "the disk does not fill up");
    };
    assert_sentence(&refused, StoreError::DiskFull(folder.file()));
    for answer in &kept {
        assert_eq!(load_answer(&store, answer.id).await, *answer);
    }
    store.close().await;
    assert_eq!(integrity(&folder.file()).await, "ok");
}

#[tokio::test]
async fn opening_on_a_full_disk_is_told_and_works_when_there_is_space() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let ballast = fill(folder.0.path());
    assert_sentence(&folder.open().await.unwrap_err(), StoreError::DiskFull(folder.file()));
    fs::remove_file(ballast).unwrap();
    let store = folder.open().await.unwrap();
    let (_, answer) = chat(&store, "Why?", "Because.").await;
    store.close().await;

    let ballast = fill(folder.0.path());
    match folder.open().await {
        Ok(store) => store.close().await,
        Err(error) => assert_sentence(&error, StoreError::DiskFull(folder.file())),
    }
    fs::remove_file(ballast).unwrap();
    let store = folder.open().await.unwrap();
    assert_eq!(load_answer(&store, answer.id).await, answer);
    store.close().await;
}

#[tokio::test]
async fn what_a_crash_left_stays_in_the_log_until_a_full_disk_has_space_for_it() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let store = folder.open().await.unwrap();
    let mut left = Vec::new();
    for _ in 0..2 {
        let new = new_answer(ConversationId::now(), None, "Running?");
        begin(&store, &new).await;
        // Too long for the space that a database has left in its files.
        let events = [AnswerEvent::Text("long ".repeat(20_000))];
        store.append(new.answer.id, new.answer.seq, events.to_vec()).await.unwrap();
        left.push(applied(&new.answer, &events));
    }
    store.close().await;

    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), left);
    let ballast = fill(folder.0.path());
    for _ in 0..2 {
        for answer in &left {
            let refused = store.finish_answer(&ended(answer, ""), MIDNIGHT).await;
            assert_sentence(&refused.unwrap_err(), StoreError::DiskFull(folder.file()));
        }
    }
    store.close().await;
    fs::remove_file(&ballast).unwrap();
    // One of two is kept, and then the disk is full again.
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), left);
    store.finish_answer(&ended(&left[0], ""), MIDNIGHT).await.unwrap();
    fill(folder.0.path());
    store.finish_answer(&ended(&left[1], ""), MIDNIGHT).await.unwrap_err();
    store.close().await;
    fs::remove_file(&ballast).unwrap();
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), left[1..]);
    store.finish_answer(&ended(&left[1], ""), MIDNIGHT).await.unwrap();
    for answer in &left {
        assert_eq!(load_answer(&store, answer.id).await.text(), answer.text());
    }
    store.close().await;
    assert_eq!(folder.open().await.unwrap().recover().await.unwrap(), []);
}

#[tokio::test]
async fn a_backup_onto_a_full_disk_is_told_and_leaves_the_original_alone() {
    let folder = Folder::with_a_chat().await;
    let other = Folder::new();
    let Some(_disk) = Disk::mount(other.0.path(), "size=16k") else { return };
    let store = folder.open().await.unwrap();
    let refused = store.backup(&other.file()).await.unwrap_err();
    assert_sentence(&refused, StoreError::DiskFull(other.file()));
    store.close().await;
    folder.assert_whole_chat().await;
}

fn unsaved(text: &str) -> Conversation {
    let new = new_answer(ConversationId::now(), None, text);
    Conversation {
        id: new.conversation,
        title: text.to_owned(),
        is_title_chosen: false,
        is_pinned: false,
        is_archived: false,
        created_ms: MIDNIGHT,
        updated_ms: MIDNIGHT,
        version: 0,
        draft: String::new(),
        settings: None,
        leaf: None,
        leaves: Vec::new(),
        questions: vec![new.question],
        answers: vec![ended(&new.answer, text)],
    }
}

/// Writes a file as long as there is space; gives its path.
pub fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("ballast");
    let mut ballast = fs::File::create(&path).unwrap();
    let error = std::iter::repeat_with(|| ballast.write_all(&[0; 512])).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    path
}

/// A small disk of its own, until it is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one on `folder`; nothing, and a word about it, where that is not allowed.
    pub fn mount(folder: &Path, options: &str) -> Option<Self> {
        let mounted = run("mount", &["-t", "tmpfs", "-o", options, "none", &folder.to_string_lossy()]);
        if !mounted {
            skip("no disk can be mounted here");
        }
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Puts a file or folder where it is, but read-only.
    fn mount_read_only(path: &Path) -> Option<Self> {
        let name = path.to_string_lossy();
        let mounted = run("mount", &["--bind", &name, &name]).then(|| Self(path.to_owned()))?;
        run("mount", &["-o", "remount,bind,ro", &name]).then_some(mounted)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: threads of a store that was dropped may still be closing their files.
        run("umount", &["--lazy", &self.0.to_string_lossy()]);
    }
}

#[derive(Clone, Copy)]
enum ReadOnly {
    Folder,
    File,
}

impl ReadOnly {
    /// Makes it read-only until what is given back is dropped; root needs a mount for that.
    fn make(self, folder: &Folder) -> Option<Writable> {
        let path = match self {
            Self::Folder => folder.0.path().to_owned(),
            Self::File => folder.file(),
        };
        let before = fs::metadata(&path).unwrap().permissions();
        let mut permissions = before.clone();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let restored = Writable::Permissions(path.clone(), before);
        let probe = match self {
            Self::Folder => fs::write(path.join("probe"), ""),
            Self::File => fs::OpenOptions::new().append(true).open(&path).map(drop),
        };
        if probe.is_err() {
            return Some(restored);
        }
        drop(restored);
        let mounted = Disk::mount_read_only(&path);
        if mounted.is_none() {
            skip("this user may write everything, and nothing can be mounted");
        }
        mounted.map(Writable::Mount)
    }
}

/// Makes a file or folder writable again when it is dropped.
enum Writable {
    Permissions(PathBuf, fs::Permissions),
    Mount(#[expect(dead_code, reason = "held until it is dropped")] Disk),
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Self::Permissions(path, permissions) = self {
            fs::set_permissions(path, permissions.clone()).unwrap();
        }
    }
}

/// True if there is such a program, and it did it.
fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
