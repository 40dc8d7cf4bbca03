//! [`EventLog`] in a folder of files, for one process.
//!
//! An answer grows by a few bytes every 50 ms. A database would write whole pages of 4 KiB for that; this log
//! writes what is new and 21 bytes around it, and one `fdatasync` serves every append that came while the one
//! before was under way. Once an answer is kept elsewhere, its events are forgotten here: the log is about as
//! long as what is being written.
//!
//! # Format
//!
//! A folder of segments, `00000001.log` and so on, each of which can be read without the others: [`HEADER`],
//! then records. Numbers are little-endian.
//!
//! | bytes | what                                                              |
//! |-------|-------------------------------------------------------------------|
//! | 4     | CRC-32 of everything that follows in this record                  |
//! | 4     | length of the payload in bytes                                    |
//! | 4     | slot: which answer, as bound by a [`BEGIN`] before, in this segment |
//! | 4     | number of the first event                                         |
//! | 4     | number of the last event                                          |
//! | 1     | kind                                                              |
//! | …     | payload                                                           |
//!
//! Pieces of text that are appended together are one record, so that a piece costs one or two bytes more than its text.
//!
//! # What a failure leaves behind
//!
//! A record is believed up to the first one of its segment that is cut off or damaged. A group of appends that
//! failed is cut off again; if that fails too, or if the sync failed, nothing more is written behind it, and a
//! new segment is begun. What such a group left is no harm: an append is repeated with the same events, and of
//! two records that begin with the same event the one that reaches further counts.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use async_trait::async_trait;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Batch, EventLog, StoreError};
use crate::chat::{AnswerEvent, AnswerId, Seq};

/// A handle on the log. One thread writes; it ends with the last handle.
#[derive(Clone, Debug)]
pub struct FileLog {
    folder: Arc<Path>,
    /// What errors name.
    named: Arc<Path>,
    requests: mpsc::Sender<Request>,
    written: Arc<AtomicU64>,
}

#[async_trait]
impl EventLog for FileLog {
    /// It may be dropped while it waits: the events are written all the same.
    async fn append_all(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let entries = batches.iter().filter(|batch| !batch.events.is_empty()).map(Entry::of);
        let entries = entries.collect::<io::Result<Vec<_>>>().map_err(|error| self.error(error))?;
        if entries.is_empty() {
            return Ok(());
        }
        let asked = self.ask(|done| Request::Append(Append { entries, done })).await;
        asked.and_then(|appended| appended).map_err(|error| self.error(error))
    }

    async fn read(&self, wanted: &[(AnswerId, Seq)]) -> Result<Vec<Vec<AnswerEvent>>, StoreError> {
        read(&self.folder, &self.named, wanted)
    }

    async fn list_logged(&self) -> Result<Vec<AnswerId>, StoreError> {
        self.ask(|done| Request::Tidy(Tidy::List(done))).await.map_err(|error| self.error(error))
    }

    /// Segments that hold nothing else are deleted; until then [`read`](Self::read) may still find it.
    async fn forget(&self, answer: AnswerId) {
        let outcome = self.ask(|done| Request::Tidy(Tidy::Forget(answer, done))).await;
        if let Err(error) = outcome {
            tracing::warn!(%answer, %error, "a kept answer stays in the event log");
        }
    }
}

impl FileLog {
    /// Opens a new segment in `folder`, after those that are there: they are read and stay until their answers are
    /// forgotten. The folder is made if it is missing. Folder and files are for their owner only. Errors name
    /// `named`: whoever reads them knows the database and not its log.
    ///
    /// # Errors
    /// The folder or the segment cannot be made or read; or a newer Runnel wrote there, and nothing is changed.
    pub fn open(folder: &Path, named: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, named, SEGMENT_BYTES, Box::new(disk::create))
    }

    /// Goes on in a new segment. The one before is deleted as soon as no running answer needs it, so that text that
    /// was forgotten does not stay in a segment that is still written.
    pub async fn leave_segment(&self) {
        if let Err(error) = self.ask(|done| Request::Tidy(Tidy::Leave(done))).await {
            tracing::warn!(%error, "forgotten text stays in the event log");
        }
    }

    /// What can be read in `folder`: for each answer its events from the first on, up to the first that is
    /// missing.
    ///
    /// # Errors
    /// If a file cannot be read. A missing folder is an empty one; damage is left out, with a warning. It may be
    /// read while another process writes: a group that is half written counts as damage.
    pub fn read_folder(folder: &Path) -> io::Result<HashMap<AnswerId, Vec<AnswerEvent>>> {
        let mut found: HashMap<AnswerId, Vec<Piece>> = HashMap::new();
        for (_, path) in segments(folder)? {
            for (answer, pieces) in read_segment(&path)? {
                let known = found.entry(answer).or_default();
                for piece in pieces {
                    add(known, piece);
                }
            }
        }
        found.retain(|_, pieces| !pieces.is_empty());
        let events = |pieces: Vec<Piece>| pieces.into_iter().flat_map(|piece| piece.events).collect();
        Ok(found.into_iter().map(|(answer, pieces)| (answer, events(pieces))).collect())
    }

    /// Bytes given to the system since the log was opened. Writes that failed do not count.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn open_with(
        folder: &Path,
        named: &Path,
        segment_bytes: u64,
        create: Create,
    ) -> Result<Self, StoreError> {
        let failed = |error| log_error(named, error);
        disk::make_folder(folder).map_err(failed)?;
        let old = segments(folder).map_err(failed)?;
        let next = old.last().map_or(1, |(number, _)| number.saturating_add(1));
        let old = old.into_iter().map(|(_, path)| Segment::of_file(path)).collect::<io::Result<Vec<_>>>();
        let (empty, full): (Vec<_>, Vec<_>) =
            old.map_err(failed)?.into_iter().partition(|segment| segment.slots.is_empty());
        let written = Arc::new(AtomicU64::new(0));
        let folder: Arc<Path> = folder.into();
        let mut writer = Writer {
            folder: Arc::clone(&folder),
            segment_bytes,
            create,
            written: Arc::clone(&written),
            next,
            current: None,
            full,
            empty: empty.into_iter().map(|segment| segment.path).collect(),
        };
        writer.current = Some(writer.begin_segment().map_err(failed)?);
        let (requests, received) = mpsc::channel();
        thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(failed)?;
        Ok(Self { folder, named: named.into(), requests, written })
    }

    fn error(&self, error: io::Error) -> StoreError {
        log_error(&self.named, error)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> io::Result<T> {
        let ended = || io::Error::other("the event log has ended");
        let (done, answered) = oneshot::channel();
        self.requests.send(request(done)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }
}

/// See [`EventLog::read`]; the log in `folder` may be another process's. Errors name `named`.
pub fn read(
    folder: &Path,
    named: &Path,
    wanted: &[(AnswerId, Seq)],
) -> Result<Vec<Vec<AnswerEvent>>, StoreError> {
    let logged = FileLog::read_folder(folder).map_err(|error| log_error(named, error))?;
    let after = |(answer, after): &(AnswerId, Seq)| {
        let known = usize::try_from(after.0).unwrap_or(usize::MAX);
        logged.get(answer).and_then(|events| events.get(known..)).unwrap_or_default().to_vec()
    };
    Ok(wanted.iter().map(after).collect())
}

fn log_error(named: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::Unsupported => StoreError::Newer(named.to_owned()),
        _ => StoreError::of_io(named, error),
    }
}

/// The first bytes of every segment; the number is the format's.
const HEADER: &[u8] = b"runnel-log 1\n";
/// What every format's header begins with.
const NAME: &[u8] = b"runnel-log ";

/// A segment that has grown to this is followed by a new one. It is what one long answer among many short ones
/// can keep on the disk for nothing.
const SEGMENT_BYTES: u64 = 16 << 20;

/// Up to this, a segment that holds nothing needed is written on, so that a short answer costs no new file.
const IDLE_BYTES: u64 = 64 << 10;

/// The most events of one record that is read; those that are written have 4,096.
const MOST_EVENTS: usize = 1 << 16;

/// Bytes of a record before its payload.
const HEAD_BYTES: usize = 21;

/// Binds a slot to the answer whose id is the payload, 16 bytes. It covers no events.
const BEGIN: u8 = 1;
/// The payload is text in UTF-8, of one event or several: Runnel 0.1 did not write where one ended. It is read alone.
const MERGED_TEXT: u8 = 2;
/// As [`MERGED_TEXT`], of the model's reasoning.
const MERGED_REASONING: u8 = 3;
/// The payload is any one event as JSON.
const JSON: u8 = 4;
/// The payload is the text of one event or several, each as its length in bytes (LEB128) and UTF-8.
const TEXT: u8 = 5;
/// As [`TEXT`], of the model's reasoning.
const REASONING: u8 = 6;

#[derive(Debug)]
enum Request {
    Append(Append),
    Tidy(Tidy),
}

/// What comes after the appends that it was queued with: nobody waits for the space.
#[derive(Debug)]
enum Tidy {
    Forget(AnswerId, oneshot::Sender<()>),
    Leave(oneshot::Sender<()>),
    List(oneshot::Sender<Vec<AnswerId>>),
}

#[derive(Debug)]
struct Append {
    entries: Vec<Entry>,
    done: oneshot::Sender<io::Result<()>>,
}

/// What is written of one answer.
#[derive(Debug)]
struct Entry {
    answer: AnswerId,
    records: Vec<Record>,
}

impl Entry {
    fn of(batch: &Batch) -> io::Result<Self> {
        Ok(Self { answer: batch.answer, records: records(batch.after, &batch.events)? })
    }
}

/// What is written of an answer's events, but for its slot.
#[derive(Debug)]
struct Record {
    first: u32,
    last: u32,
    kind: u8,
    payload: Vec<u8>,
}

impl Record {
    fn begin(answer: AnswerId) -> Self {
        Self { first: 0, last: 0, kind: BEGIN, payload: answer.0.as_bytes().to_vec() }
    }

    fn encode(&self, slot: u32, group: &mut Vec<u8>) {
        let start = group.len();
        // Longer payloads do not come here, see `records`.
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        group.extend_from_slice(&[0; 4]);
        for number in [length, slot, self.first, self.last] {
            group.extend_from_slice(&number.to_le_bytes());
        }
        group.push(self.kind);
        group.extend_from_slice(&self.payload);
        let sum = crc32fast::hash(&group[start + 4..]);
        group[start..start + 4].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The events after `after` as records: neighbouring pieces of text, or of reasoning, are one.
fn records(after: Seq, events: &[AnswerEvent]) -> io::Result<Vec<Record>> {
    let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "too large for the event log");
    let mut number = u32::try_from(after.0).map_err(|_| too_large())?;
    let mut records: Vec<Record> = Vec::new();
    for event in events {
        number = number.checked_add(1).ok_or_else(too_large)?;
        let (kind, payload) = match event {
            AnswerEvent::Text(text) => (TEXT, with_length(text)),
            AnswerEvent::Reasoning(text) => (REASONING, with_length(text)),
            other => (JSON, serde_json::to_vec(other)?),
        };
        match records.last_mut() {
            Some(before) if before.kind == kind && kind != JSON => {
                before.last = number;
                before.payload.extend_from_slice(&payload);
            }
            _ => records.push(Record { first: number, last: number, kind, payload }),
        }
    }
    let fits = records.iter().all(|record| u32::try_from(record.payload.len()).is_ok());
    if fits { Ok(records) } else { Err(too_large()) }
}

fn with_length(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(0x80 | length.to_le_bytes()[0]);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The text that `bytes` begin with, and what follows it. `None` where it is not what [`with_length`] wrote.
fn split_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let digits = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(digits);
    let length = number
        .iter()
        .rev()
        .try_fold(0_usize, |length, byte| length.checked_mul(0x80)?.checked_add(usize::from(byte & 0x7f)))?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

/// Makes the file of a new segment.
type Create = Box<dyn Fn(&Path) -> io::Result<Box<dyn Sink>> + Send>;

/// Where a segment is written: a file, or in tests one that fails.
trait Sink: Write + Send {
    fn sync(&mut self) -> io::Result<()>;
    /// Takes away what is behind `length` bytes, and goes on writing there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A file opened for appending: it writes at its end, wherever that is.
impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// The thread that owns the files.
struct Writer {
    folder: Arc<Path>,
    segment_bytes: u64,
    create: Create,
    written: Arc<AtomicU64>,
    /// The number of the next segment; none is used twice.
    next: u64,
    /// Where the next append goes; if there is none, it makes one.
    current: Option<Current>,
    /// Not written any more; those of earlier processes among them.
    full: Vec<Segment>,
    /// Of earlier processes, without anything that can be read: a process that only began, or damage.
    empty: Vec<PathBuf>,
}

/// A file and the answers that still need it, by slot.
struct Segment {
    path: PathBuf,
    slots: HashMap<AnswerId, u32>,
}

impl Segment {
    /// One that an earlier process wrote.
    fn of_file(path: PathBuf) -> io::Result<Self> {
        let slots = read_segment(&path)?.into_keys().map(|answer| (answer, 0)).collect();
        Ok(Self { path, slots })
    }
}

struct Current {
    segment: Segment,
    sink: Box<dyn Sink>,
    /// Bytes that hold whole groups.
    length: u64,
    /// Slots are given once, also if the group that binds them fails.
    next_slot: u32,
    /// False if something may be behind `length` that should not be.
    is_sound: bool,
}

impl Writer {
    fn run(mut self, requests: &mpsc::Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let mut appends = Vec::new();
            let mut tidies = Vec::new();
            for request in std::iter::once(first).chain(requests.try_iter()) {
                match request {
                    Request::Append(append) => appends.push(append),
                    Request::Tidy(tidy) => tidies.push(tidy),
                }
            }
            self.append(appends);
            for tidy in tidies {
                self.tidy(tidy);
            }
        }
    }

    fn append(&mut self, appends: Vec<Append>) {
        if appends.is_empty() {
            return;
        }
        let outcome = self.write(&appends);
        for append in appends {
            // Whoever asked may have gone.
            append.done.send(outcome.as_ref().copied().map_err(same_error)).ok();
        }
    }

    fn tidy(&mut self, tidy: Tidy) {
        match tidy {
            Tidy::Forget(answer, done) => {
                self.forget(answer);
                done.send(()).ok();
            }
            Tidy::Leave(done) => {
                self.full.extend(self.current.take().map(|current| current.segment));
                self.sweep();
                done.send(()).ok();
            }
            Tidy::List(done) => {
                done.send(self.list()).ok();
            }
        }
    }

    fn write(&mut self, appends: &[Append]) -> io::Result<()> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin_segment()?,
        };
        let before = current.length;
        let outcome = current.append(appends);
        self.written.fetch_add(current.length - before, Ordering::Relaxed);
        if current.is_sound && current.length < self.segment_bytes {
            self.current = Some(current);
        } else {
            self.full.push(current.segment);
            self.sweep();
        }
        outcome
    }

    fn begin_segment(&mut self) -> io::Result<Current> {
        let (path, mut sink) = loop {
            let path = self.folder.join(format!("{:08}.log", self.next));
            self.next += 1;
            match (self.create)(&path) {
                // Somebody opened a log here, by mistake or to find that it is in use.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => break (path, made?),
            }
        };
        // A file that its folder does not know durably would be gone with all that was synced into it.
        if let Err(error) = sink.write_all(HEADER).and_then(|()| disk::sync_folder(&self.folder)) {
            drop(sink);
            delete(&path);
            return Err(error);
        }
        let length = HEADER.len() as u64;
        self.written.fetch_add(length, Ordering::Relaxed);
        let segment = Segment { path, slots: HashMap::new() };
        Ok(Current { segment, sink, length, next_slot: 0, is_sound: true })
    }

    fn forget(&mut self, answer: AnswerId) {
        for segment in self.full.iter_mut().chain(self.current.as_mut().map(|current| &mut current.segment)) {
            segment.slots.remove(&answer);
        }
        let is_idle = |current: &mut Current| current.segment.slots.is_empty() && current.length > IDLE_BYTES;
        self.full.extend(self.current.take_if(is_idle).map(|current| current.segment));
        self.sweep();
    }

    fn sweep(&mut self) {
        self.full.retain(|segment| !(segment.slots.is_empty() && delete(&segment.path)));
    }

    fn list(&mut self) -> Vec<AnswerId> {
        // Whoever asks has the folder alone, and what nobody can read is of no use to it.
        self.empty.retain(|path| !delete(path));
        let segments = self.full.iter().chain(self.current.as_ref().map(|current| &current.segment));
        let answers: HashSet<AnswerId> = segments.flat_map(|segment| segment.slots.keys().copied()).collect();
        answers.into_iter().collect()
    }
}

impl Current {
    /// Writes a group of appends whole and durably, or not at all.
    fn append(&mut self, appends: &[Append]) -> io::Result<()> {
        let mut group = Vec::new();
        let mut bound = Vec::new();
        for Entry { answer, records } in appends.iter().flat_map(|append| &append.entries) {
            let slot = *self.segment.slots.entry(*answer).or_insert_with(|| {
                let slot = self.next_slot;
                self.next_slot += 1;
                Record::begin(*answer).encode(slot, &mut group);
                bound.push(*answer);
                slot
            });
            for record in records {
                record.encode(slot, &mut group);
            }
        }
        self.commit(&group).inspect_err(|_| {
            for answer in &bound {
                self.segment.slots.remove(answer);
            }
        })
    }

    fn commit(&mut self, group: &[u8]) -> io::Result<()> {
        if let Err(error) = self.sink.write_all(group) {
            self.is_sound = self.sink.cut(self.length).is_ok();
            return Err(error);
        }
        self.length += group.len() as u64;
        // After a failed sync the system may take pages for written that are not, and the next sync succeeds.
        self.sink.sync().inspect_err(|_| self.is_sound = false)
    }
}

/// An error for everyone in the group; the system's code, where there is one, is what callers tell apart.
fn same_error(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// True if the file is gone. If it is not, it costs space and is asked for again with the next sweep.
fn delete(path: &Path) -> bool {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a segment of the event log cannot be deleted");
            false
        }
        _ => true,
    }
}

/// The segments in `folder` and their numbers, in order.
fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        segments.extend(segment_number(&path).map(|number| (number, path)));
    }
    segments.sort();
    Ok(segments)
}

/// `None` for files of somebody else.
fn segment_number(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let is_ours = digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_ours.then(|| digits.parse().ok())?
}

/// What one record says of an answer: the events with the numbers from `first` to `last`.
#[derive(Debug)]
struct Piece {
    first: u32,
    last: u32,
    events: Vec<AnswerEvent>,
}

/// Adds a piece that goes on where those before end, or that replaces the last ones because it reaches further
/// from the same event. Any other is a repetition, or comes after something that is missing.
fn add(pieces: &mut Vec<Piece>, piece: Piece) {
    let kept = pieces.partition_point(|earlier| earlier.first < piece.first);
    let before = pieces[..kept].last().map_or(0, |earlier| earlier.last);
    let known = pieces.last().map_or(0, |earlier| earlier.last);
    if before.checked_add(1) == Some(piece.first) && piece.last > known {
        pieces.truncate(kept);
        pieces.push(piece);
    }
}

/// What a segment holds of each answer, in the order in which it was written.
///
/// # Errors
/// It cannot be read; [`io::ErrorKind::Unsupported`] if a newer Runnel wrote it.
fn read_segment(path: &Path) -> io::Result<HashMap<AnswerId, Vec<Piece>>> {
    let bytes = match fs::read(path) {
        // Forgotten just now, by whoever writes this log.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        bytes => bytes?,
    };
    let Some(mut rest) = bytes.strip_prefix(HEADER) else {
        if is_of_another_format(&bytes) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a newer Runnel wrote this log"));
        }
        // A shorter header is a segment that was just being begun.
        if !HEADER.starts_with(&bytes) {
            tracing::warn!(path = %path.display(), "left out: not a segment of this event log");
        }
        return Ok(HashMap::new());
    };
    let mut answers = HashMap::new();
    let mut found: HashMap<AnswerId, Vec<Piece>> = HashMap::new();
    while let Some((record, after)) = StoredRecord::split_from(rest) {
        rest = after;
        if let Some(answer) = record.begins() {
            answers.insert(record.slot, answer);
            found.entry(answer).or_default();
        } else if let (Some(answer), Some(piece)) = (answers.get(&record.slot), record.piece()) {
            found.entry(*answer).or_default().push(piece);
        }
    }
    if !rest.is_empty() {
        let bytes = rest.len();
        tracing::warn!(path = %path.display(), bytes, "left out: the end of a segment, cut off or damaged");
    }
    Ok(found)
}

/// True for a whole header with another number than ours.
fn is_of_another_format(bytes: &[u8]) -> bool {
    let number = bytes.strip_prefix(NAME).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    number.is_some_and(|number| {
        bytes.len() > NAME.len() + number.len() && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
    })
}

/// A record as it stands in a segment, whole and undamaged.
struct StoredRecord<'a> {
    slot: u32,
    first: u32,
    last: u32,
    kind: u8,
    payload: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    /// The record that `bytes` begin with, and what follows it. `None` at the end, and where it is damaged.
    fn split_from(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(number_at(bytes, 4)?).ok()?;
        let (record, after) = bytes.split_at_checked(HEAD_BYTES.checked_add(length)?)?;
        if crc32fast::hash(&record[4..]) != number_at(record, 0)? {
            return None;
        }
        let (slot, first, last) = (number_at(record, 8)?, number_at(record, 12)?, number_at(record, 16)?);
        Some((Self { slot, first, last, kind: record[20], payload: &record[HEAD_BYTES..] }, after))
    }

    fn begins(&self) -> Option<AnswerId> {
        let id = (self.kind == BEGIN).then_some(self.payload)?;
        Uuid::from_slice(id).ok().map(AnswerId)
    }

    /// What a newer version wrote, and this one does not know, covers its numbers: what follows it is not lost.
    fn piece(&self) -> Option<Piece> {
        let (first, last) = (self.first, self.last);
        let count = usize::try_from(last.checked_sub(first)?).ok()? + 1;
        if count > MOST_EVENTS {
            return None;
        }
        let events = match self.kind {
            TEXT => self.texts(count, AnswerEvent::Text)?,
            REASONING => self.texts(count, AnswerEvent::Reasoning)?,
            MERGED_TEXT => self.merged(count, AnswerEvent::Text)?,
            MERGED_REASONING => self.merged(count, AnswerEvent::Reasoning)?,
            JSON if count == 1 => vec![serde_json::from_slice(self.payload).unwrap_or(AnswerEvent::Unknown)],
            _ => vec![AnswerEvent::Unknown; count],
        };
        Some(Piece { first, last, events })
    }

    fn texts(&self, count: usize, event: impl Fn(String) -> AnswerEvent) -> Option<Vec<AnswerEvent>> {
        let mut events = Vec::new();
        let mut rest = self.payload;
        while !rest.is_empty() {
            let (text, after) = split_text(rest)?;
            events.push(event(text));
            rest = after;
        }
        (events.len() == count).then_some(events)
    }

    /// All of the text in the first event; the others are empty, so that what follows keeps its number.
    fn merged(&self, count: usize, event: impl Fn(String) -> AnswerEvent) -> Option<Vec<AnswerEvent>> {
        let text = String::from_utf8(self.payload.to_vec()).ok()?;
        let rest = std::iter::repeat_with(|| event(String::new())).take(count - 1);
        Some(std::iter::once(event(text)).chain(rest).collect())
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Folders and files for their owner only.
#[cfg(unix)]
mod disk {
    use super::{File, Path, Sink, fs, io};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

    pub fn make_folder(folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        folder.parent().filter(|parent| parent.is_dir()).map_or(Ok(()), sync_folder)
    }

    pub fn create(path: &Path) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(File::options().append(true).create_new(true).mode(0o600).open(path)?))
    }

    pub fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Where the person's own folder is private already, and a folder cannot be synced.
#[cfg(not(unix))]
mod disk {
    use super::{File, Path, Sink, fs, io};

    pub fn make_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    pub fn create(path: &Path) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(File::options().append(true).create_new(true).open(path)?))
    }

    pub fn sync_folder(_folder: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::chat::{Answer, End, EndStatus, QuestionId};

    /// A segment's size in tests that need many of them.
    const SMALL: u64 = 120;

    /// What a disk does that is told to fail. Files on it are real ones.
    #[derive(Clone, Debug, Default)]
    struct Disk {
        syncs: Arc<AtomicU64>,
        refuses_writes: Arc<AtomicBool>,
        refuses_cuts: Arc<AtomicBool>,
        refuses_syncs: Arc<AtomicBool>,
        sync_ms: u64,
    }

    impl Disk {
        fn open(&self, folder: &Path, segment_bytes: u64) -> FileLog {
            let disk = self.clone();
            let create: Create = Box::new(move |path| {
                let file = File::options().append(true).create_new(true).open(path)?;
                Ok(Box::new(DiskFile { file, disk: disk.clone() }))
            });
            FileLog::open_with(folder, folder, segment_bytes, create).unwrap()
        }
    }

    struct DiskFile {
        file: File,
        disk: Disk,
    }

    /// `ENOSPC` on every Unix.
    const FULL: i32 = 28;

    impl DiskFile {
        fn check(refuses: &AtomicBool) -> io::Result<()> {
            if refuses.load(Ordering::SeqCst) { Err(io::Error::from_raw_os_error(FULL)) } else { Ok(()) }
        }
    }

    impl Write for DiskFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Err(error) = Self::check(&self.disk.refuses_writes) {
                self.file.write_all(&bytes[..bytes.len() / 2])?;
                return Err(error);
            }
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for DiskFile {
        fn sync(&mut self) -> io::Result<()> {
            self.disk.syncs.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(self.disk.sync_ms));
            Self::check(&self.disk.refuses_syncs)?;
            self.file.sync()
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            Self::check(&self.disk.refuses_cuts)?;
            self.file.cut(length)
        }
    }

    fn open(folder: &Path) -> Result<FileLog, StoreError> {
        FileLog::open(folder, folder)
    }

    fn text(text: &str) -> AnswerEvent {
        AnswerEvent::Text(text.to_owned())
    }

    fn reasoning(text: &str) -> AnswerEvent {
        AnswerEvent::Reasoning(text.to_owned())
    }

    fn end() -> AnswerEvent {
        AnswerEvent::End(End {
            status: EndStatus::Complete,
            finish_reason: Some("stop".into()),
            native_finish_reason: None,
            problem: None,
            usage: None,
            duration_ms: 1500,
            unkept: None,
        })
    }

    fn id(number: u128) -> AnswerId {
        AnswerId(Uuid::from_u128(number))
    }

    fn empty_answer(id: AnswerId) -> Answer {
        Answer::new(id, QuestionId(Uuid::nil()), "demo/plain")
    }

    /// The answer as a restart finds it.
    fn recovered(folder: &Path, id: AnswerId) -> Answer {
        applied(id, &FileLog::read_folder(folder).unwrap().remove(&id).unwrap_or_default())
    }

    fn applied(id: AnswerId, events: &[AnswerEvent]) -> Answer {
        let mut answer = empty_answer(id);
        for event in events {
            answer.apply(answer.seq.next(), event);
        }
        answer
    }

    fn files(folder: &Path) -> Vec<String> {
        let name = |(_, path): (u64, PathBuf)| path.file_name().unwrap().to_str().unwrap().to_owned();
        segments(folder).unwrap().into_iter().map(name).collect()
    }

    fn bytes_in(folder: &Path) -> u64 {
        segments(folder).unwrap().iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum()
    }

    /// Three answers interleaved, of every kind of record; 3 KB at most.
    async fn write_sample(log: &FileLog) {
        log.append(id(1), Seq(0), vec![AnswerEvent::Waiting, text("Hé"), text("llo")]).await.unwrap();
        log.append(id(2), Seq(0), vec![reasoning("so "), reasoning("…"), text("2")]).await.unwrap();
        log.append(id(1), Seq(3), vec![text(", world"), AnswerEvent::Continuation, text("!")]).await.unwrap();
        log.append(id(3), Seq(0), vec![AnswerEvent::Image("data:,x".into()), end()]).await.unwrap();
        log.append(id(1), Seq(6), vec![AnswerEvent::FirstToken { elapsed_ms: 7 }, end()]).await.unwrap();
    }

    /// What may be read from a damaged folder: of each answer the first events, and nothing else.
    fn assert_prefix(folder: &Path, whole: &HashMap<AnswerId, Vec<AnswerEvent>>, context: &str) {
        // One damaged byte may make our format's number another one: that is refused, and nothing is lost.
        if FileLog::read_folder(folder).is_err_and(|error| error.kind() == io::ErrorKind::Unsupported) {
            return;
        }
        for (answer, events) in FileLog::read_folder(folder).unwrap() {
            assert!(
                whole.get(&answer).is_some_and(|whole| whole.starts_with(&events)),
                "{context}: {events:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_was_appended_is_read_back() {
        let folder = TempDir::new().unwrap();
        let log = open(folder.path()).unwrap();
        write_sample(&log).await;
        let found = FileLog::read_folder(folder.path()).unwrap();
        assert_eq!(found.len(), 3);
        let first = [
            AnswerEvent::Waiting,
            text("Hé"),
            text("llo"),
            text(", world"),
            AnswerEvent::Continuation,
            text("!"),
            AnswerEvent::FirstToken { elapsed_ms: 7 },
            end(),
        ];
        assert_eq!(found[&id(1)], first);
        assert_eq!(found[&id(2)], [reasoning("so "), reasoning("…"), text("2")]);
        assert_eq!(found[&id(3)][1], end());
    }

    #[tokio::test]
    async fn a_batch_of_text_costs_21_bytes_more_than_its_text_and_one_for_each_piece() {
        let folder = TempDir::new().unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.bytes_written(), 13);
        log.append(id(1), Seq(0), vec![text("abc"), text("de")]).await.unwrap();
        assert_eq!(log.bytes_written(), 13 + (21 + 16) + (21 + 5 + 2), "the first batch binds the slot");
        log.append(id(1), Seq(2), vec![text("0123"), text("456"), text("789")]).await.unwrap();
        assert_eq!(log.bytes_written(), 13 + 37 + 28 + (21 + 10 + 3));
        log.append(id(1), Seq(5), Vec::new()).await.unwrap();
        assert_eq!(bytes_in(folder.path()), log.bytes_written());
    }

    #[tokio::test]
    async fn fifty_answers_at_once_arrive_whole_and_share_syncs() {
        let folder = TempDir::new().unwrap();
        let disk = Disk { sync_ms: 5, ..Disk::default() };
        let log = disk.open(folder.path(), SEGMENT_BYTES);
        let writers: Vec<_> = (0..50)
            .map(|number| {
                let log = log.clone();
                tokio::spawn(async move {
                    for after in 0..20 {
                        log.append(id(number), Seq(after), vec![text(&format!("{number} "))]).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let found = FileLog::read_folder(folder.path()).unwrap();
        for number in 0..50 {
            assert_eq!(applied(id(number), &found[&id(number)]).text(), format!("{number} ").repeat(20));
        }
        let syncs = disk.syncs.load(Ordering::SeqCst);
        assert!(syncs < 500, "{syncs} syncs for 1000 appends");
    }

    #[tokio::test]
    async fn a_segment_cut_at_any_length_reads_as_the_first_events() {
        let folder = TempDir::new().unwrap();
        write_sample(&open(folder.path()).unwrap()).await;
        let whole = FileLog::read_folder(folder.path()).unwrap();
        let path = folder.path().join("00000001.log");
        let bytes = fs::read(&path).unwrap();
        let mut events = 0;
        for length in 0..=bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert_prefix(folder.path(), &whole, &format!("cut at {length}"));
            let now = FileLog::read_folder(folder.path()).unwrap().values().map(Vec::len).sum();
            assert!(now >= events, "more bytes, fewer events at {length}");
            events = now;
        }
        assert_eq!(events, whole.values().map(Vec::len).sum::<usize>());
    }

    #[tokio::test]
    async fn a_damaged_byte_anywhere_leaves_the_first_events() {
        let folder = TempDir::new().unwrap();
        write_sample(&open(folder.path()).unwrap()).await;
        let whole = FileLog::read_folder(folder.path()).unwrap();
        let path = folder.path().join("00000001.log");
        let bytes = fs::read(&path).unwrap();
        for place in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] ^= flip;
                fs::write(&path, &bytes).unwrap();
                assert_prefix(folder.path(), &whole, &format!("{flip:#x} at {place}"));
                let is_noticed = FileLog::read_folder(folder.path()).is_ok_and(|read| read != whole)
                    || FileLog::read_folder(folder.path()).is_err();
                assert!(is_noticed, "{flip:#x} at {place} is not noticed");
            }
        }
    }

    #[tokio::test]
    async fn damage_in_one_segment_of_many_leaves_the_first_events() {
        let folder = TempDir::new().unwrap();
        write_sample(&Disk::default().open(folder.path(), SMALL)).await;
        let whole = FileLog::read_folder(folder.path()).unwrap();
        let paths = segments(folder.path()).unwrap();
        assert!(paths.len() >= 3);
        for (_, path) in paths {
            let bytes = fs::read(&path).unwrap();
            for length in 0..bytes.len() {
                fs::write(&path, &bytes[..length]).unwrap();
                assert_prefix(folder.path(), &whole, &format!("{} cut at {length}", path.display()));
            }
            fs::remove_file(&path).unwrap();
            assert_prefix(folder.path(), &whole, "gone");
            fs::write(&path, &bytes).unwrap();
        }
    }

    #[tokio::test]
    async fn a_tail_of_zeros_or_of_an_impossible_length_is_left_out() {
        let folder = TempDir::new().unwrap();
        write_sample(&open(folder.path()).unwrap()).await;
        let whole = FileLog::read_folder(folder.path()).unwrap();
        let path = folder.path().join("00000001.log");
        let bytes = fs::read(&path).unwrap();
        for tail in [vec![0; 5000], vec![0xff; 40], b"text\n".to_vec()] {
            fs::write(&path, [bytes.clone(), tail].concat()).unwrap();
            assert_eq!(FileLog::read_folder(folder.path()).unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn other_files_and_unknown_kinds_are_passed_over() {
        let folder = TempDir::new().unwrap();
        write_sample(&open(folder.path()).unwrap()).await;
        let whole = FileLog::read_folder(folder.path()).unwrap();
        let mut newer = Vec::new();
        Record { first: 0, last: 0, kind: 99, payload: b"?".to_vec() }.encode(0, &mut newer);
        Record::begin(id(1)).encode(0, &mut newer);
        Record { first: 9, last: 9, kind: TEXT, payload: with_length("late") }.encode(0, &mut newer);
        fs::write(folder.path().join("00000002.log"), [HEADER, &newer].concat()).unwrap();
        fs::write(folder.path().join("00000003.log"), b"log 1\nwhatever").unwrap();
        fs::write(folder.path().join("2026.log"), b"mine").unwrap();
        let found = FileLog::read_folder(folder.path()).unwrap();
        assert_eq!(found[&id(1)].last(), Some(&text("late")));
        assert_eq!(found[&id(2)], whole[&id(2)]);
        let log = open(folder.path()).unwrap();
        for answer in log.list_logged().await.unwrap() {
            log.forget(answer).await;
        }
        assert_eq!(files(folder.path()), ["00000004.log"]);
        assert!(folder.path().join("2026.log").exists());
    }

    #[test]
    fn a_log_of_a_newer_version_is_refused_and_left_alone() {
        let folder = TempDir::new().unwrap();
        let newer = folder.path().join("00000001.log");
        fs::write(&newer, b"runnel-log 2\nwhatever").unwrap();
        let refused = open(folder.path()).unwrap_err();
        assert!(matches!(&refused, StoreError::Newer(named) if named == folder.path()), "{refused:?}");
        assert_eq!(files(folder.path()), ["00000001.log"]);
        assert_eq!(fs::read(&newer).unwrap(), b"runnel-log 2\nwhatever");
        for begun in [&b""[..], b"runnel", b"runnel-log ", b"runnel-log 1"] {
            fs::write(&newer, begun).unwrap();
            open(folder.path()).unwrap();
        }
    }

    #[tokio::test]
    async fn merged_text_of_version_0_1_is_read_and_what_follows_keeps_its_number() {
        let folder = TempDir::new().unwrap();
        let mut written = HEADER.to_vec();
        Record::begin(id(1)).encode(0, &mut written);
        for (first, last, kind, payload) in [
            (1, 2, MERGED_REASONING, "so …"),
            (3, 5, MERGED_TEXT, "Héllo"),
            (6, 6, JSON, r#""continuation""#),
        ] {
            Record { first, last, kind, payload: payload.as_bytes().to_vec() }.encode(0, &mut written);
        }
        fs::write(folder.path().join("00000001.log"), written).unwrap();
        let log = open(folder.path()).unwrap();
        log.append(id(1), Seq(6), vec![text("!")]).await.unwrap();
        let answer = recovered(folder.path(), id(1));
        assert_eq!((answer.reasoning().as_ref(), answer.text().as_ref()), ("so …", "Héllo!"));
        assert_eq!((answer.seq, answer.chunks), (Seq(7), 4));
    }

    #[tokio::test]
    async fn what_follows_an_event_of_a_newer_version_is_not_lost() {
        let folder = TempDir::new().unwrap();
        let mut written = HEADER.to_vec();
        Record::begin(id(1)).encode(0, &mut written);
        for (first, last, kind, payload) in [
            (1, 1, MERGED_TEXT, "Before"),
            (2, 2, JSON, r#"{"weather":{"sky":"blue"}}"#),
            (3, 5, 99, "a kind of record that is not known"),
            (6, 6, MERGED_TEXT, " and after"),
        ] {
            Record { first, last, kind, payload: payload.as_bytes().to_vec() }.encode(0, &mut written);
        }
        fs::write(folder.path().join("00000001.log"), written).unwrap();
        let answer = recovered(folder.path(), id(1));
        assert_eq!((answer.text().as_ref(), answer.seq), ("Before and after", Seq(6)));
    }

    #[tokio::test]
    async fn an_answer_whose_beginning_is_lost_is_not_there() {
        let folder = TempDir::new().unwrap();
        let log = open(folder.path()).unwrap();
        log.append(id(1), Seq(4), vec![text("late")]).await.unwrap();
        assert_eq!(FileLog::read_folder(folder.path()).unwrap(), HashMap::new());
    }

    #[test]
    fn a_missing_folder_is_an_empty_log() {
        let folder = TempDir::new().unwrap();
        assert_eq!(FileLog::read_folder(&folder.path().join("none")).unwrap(), HashMap::new());
    }

    #[tokio::test]
    async fn forgetting_deletes_what_nobody_needs() {
        let folder = TempDir::new().unwrap();
        let log = Disk::default().open(folder.path(), SMALL);
        for number in 1..=4 {
            log.append(id(number), Seq(0), vec![text(&"x".repeat(200))]).await.unwrap();
        }
        assert_eq!(files(folder.path()).len(), 4);
        log.forget(id(2)).await;
        log.forget(id(2)).await;
        log.forget(id(99)).await;
        assert_eq!(files(folder.path()), ["00000001.log", "00000003.log", "00000004.log"]);
        for number in [1, 3, 4] {
            log.forget(id(number)).await;
        }
        assert_eq!(files(folder.path()), Vec::<String>::new());
        log.append(id(5), Seq(0), vec![text("again")]).await.unwrap();
        assert_eq!(recovered(folder.path(), id(5)).text(), "again");
        assert_eq!(files(folder.path()), ["00000005.log"]);
    }

    #[tokio::test]
    async fn an_idle_log_is_small() {
        let folder = TempDir::new().unwrap();
        let log = open(folder.path()).unwrap();
        for number in 0..100 {
            log.append(id(number), Seq(0), vec![text(&"x".repeat(10_000))]).await.unwrap();
            log.forget(id(number)).await;
            assert!(bytes_in(folder.path()) <= IDLE_BYTES);
        }
        assert!(files(folder.path()).len() <= 1);
    }

    #[tokio::test]
    async fn a_long_answer_keeps_its_segments_and_no_others() {
        let folder = TempDir::new().unwrap();
        let log = Disk::default().open(folder.path(), SMALL);
        let long = "long ".repeat(40);
        log.append(id(1), Seq(0), vec![text(&long)]).await.unwrap();
        for number in 2..10 {
            log.append(id(number), Seq(0), vec![text(&long)]).await.unwrap();
            log.forget(id(number)).await;
        }
        log.append(id(1), Seq(1), vec![text(&long)]).await.unwrap();
        assert_eq!(files(folder.path()), ["00000001.log", "00000010.log"]);
        assert_eq!(recovered(folder.path(), id(1)).text(), long.repeat(2));
        log.forget(id(1)).await;
        assert_eq!(files(folder.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_segment_of_an_earlier_process_stays_until_its_answers_are_forgotten() {
        let folder = TempDir::new().unwrap();
        write_sample(&open(folder.path()).unwrap()).await;
        let before = fs::read(folder.path().join("00000001.log")).unwrap();
        let log = open(folder.path()).unwrap();
        log.append(id(7), Seq(0), vec![text("new")]).await.unwrap();
        for number in [1, 7, 2] {
            log.forget(id(number)).await;
        }
        log.append(id(8), Seq(0), vec![text("newer")]).await.unwrap();
        assert_eq!(fs::read(folder.path().join("00000001.log")).unwrap(), before);
        assert_eq!(
            recovered(folder.path(), id(3)),
            applied(id(3), &[AnswerEvent::Image("data:,x".into()), end()])
        );
        let mut logged = log.list_logged().await.unwrap();
        logged.sort_by_key(|answer| answer.0);
        assert_eq!(logged, [id(3), id(8)]);
        log.forget(id(3)).await;
        assert_eq!(files(folder.path()), ["00000002.log"]);
        assert_eq!(recovered(folder.path(), id(8)).text(), "newer");
    }

    #[tokio::test]
    async fn an_answer_goes_on_in_a_log_opened_anew() {
        let folder = TempDir::new().unwrap();
        let first = open(folder.path()).unwrap();
        first.append(id(1), Seq(0), vec![text("a"), text("b")]).await.unwrap();
        let second = open(folder.path()).unwrap();
        second.append(id(1), Seq(2), vec![text("c")]).await.unwrap();
        assert_eq!(recovered(folder.path(), id(1)), applied(id(1), &[text("a"), text("b"), text("c")]));
    }

    #[tokio::test]
    async fn two_logs_in_one_folder_do_not_write_into_one_segment() {
        let folder = TempDir::new().unwrap();
        let logs = [(); 2].map(|()| Disk::default().open(folder.path(), SMALL));
        let long = "x".repeat(200);
        for after in 0..3 {
            for (number, log) in (0..).zip(&logs) {
                log.append(id(number), Seq(after), vec![text(&long)]).await.unwrap();
            }
        }
        for number in 0..2 {
            assert_eq!(recovered(folder.path(), id(number)).text(), long.repeat(3));
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn folder_and_files_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let above = TempDir::new().unwrap();
        let folder = above.path().join("data/log");
        drop(open(&folder).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("00000001.log")), 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let above = TempDir::new().unwrap();
        fs::write(above.path().join("file"), b"").unwrap();
        open(&above.path().join("file")).unwrap_err();
        open(&above.path().join("file/log")).unwrap_err();
    }

    /// Nobody can make files there, not even root, whom the rights of a folder do not stop.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        open(Path::new("/proc/self")).unwrap_err();
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_appending_works_again_after() {
        let folder = TempDir::new().unwrap();
        let disk = Disk::default();
        let log = disk.open(folder.path(), SEGMENT_BYTES);
        log.append(id(1), Seq(0), vec![text("one ")]).await.unwrap();
        let (length, written) = (bytes_in(folder.path()), log.bytes_written());
        disk.refuses_writes.store(true, Ordering::SeqCst);
        for number in [1, 2, 1] {
            let error = log.append(id(number), Seq(1), vec![text("two ")]).await.unwrap_err();
            assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
        }
        assert_eq!((bytes_in(folder.path()), log.bytes_written()), (length, written), "the tail is cut off");
        disk.refuses_writes.store(false, Ordering::SeqCst);
        log.append(id(1), Seq(1), vec![text("two "), text("three")]).await.unwrap();
        log.append(id(2), Seq(0), vec![text("other")]).await.unwrap();
        assert_eq!(recovered(folder.path(), id(1)).text(), "one two three");
        assert_eq!(recovered(folder.path(), id(2)).text(), "other");
        assert_eq!(files(folder.path()), ["00000001.log"]);
    }

    #[tokio::test]
    async fn a_tail_that_cannot_be_cut_off_is_followed_by_a_new_segment() {
        let folder = TempDir::new().unwrap();
        let disk = Disk::default();
        let log = disk.open(folder.path(), SEGMENT_BYTES);
        log.append(id(1), Seq(0), vec![text("one ")]).await.unwrap();
        for refuses in [&disk.refuses_writes, &disk.refuses_cuts] {
            refuses.store(true, Ordering::SeqCst);
        }
        for _ in 0..3 {
            log.append(id(1), Seq(1), vec![text("two "), AnswerEvent::Continuation]).await.unwrap_err();
        }
        assert_eq!(files(folder.path()), ["00000001.log"], "segments that failed are not left");
        disk.refuses_writes.store(false, Ordering::SeqCst);
        log.append(id(1), Seq(1), vec![text("two "), AnswerEvent::Continuation, text("three")])
            .await
            .unwrap();
        assert_eq!(recovered(folder.path(), id(1)).text(), "one two three");
        log.forget(id(1)).await;
        assert_eq!(files(folder.path()).len(), 1, "the one that is written");
    }

    #[tokio::test]
    async fn events_whose_sync_failed_count_once_when_they_come_again_with_more() {
        let folder = TempDir::new().unwrap();
        let disk = Disk::default();
        let log = disk.open(folder.path(), SEGMENT_BYTES);
        let events = [text("a"), text("b"), text("c"), AnswerEvent::Continuation, text("d"), text("e")];
        log.append(id(1), Seq(0), events[..1].to_vec()).await.unwrap();
        disk.refuses_syncs.store(true, Ordering::SeqCst);
        let error = log.append(id(1), Seq(1), events[1..2].to_vec()).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
        log.append(id(1), Seq(1), events[1..5].to_vec()).await.unwrap_err();
        disk.refuses_syncs.store(false, Ordering::SeqCst);
        log.append(id(1), Seq(1), events[1..].to_vec()).await.unwrap();
        assert_eq!(files(folder.path()), ["00000001.log", "00000003.log"], "nothing follows a failed sync");
        assert_eq!(recovered(folder.path(), id(1)), applied(id(1), &events));
        for (from, to) in [(3, 6), (1, 2), (0, 1)] {
            log.append(id(1), Seq(from as u64), events[from..to].to_vec()).await.unwrap();
            assert_eq!(
                recovered(folder.path(), id(1)),
                applied(id(1), &events),
                "said once more for nothing"
            );
        }
    }

    #[tokio::test]
    async fn the_thread_ends_with_the_last_handle() {
        let folder = TempDir::new().unwrap();
        let disk = Disk::default();
        let log = disk.open(folder.path(), SEGMENT_BYTES);
        let other = log.clone();
        drop(log);
        other.append(id(1), Seq(0), vec![text("x")]).await.unwrap();
        drop(other);
        while Arc::strong_count(&disk.syncs) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn numbers_that_do_not_fit_are_refused_and_harm_nobody() {
        let folder = TempDir::new().unwrap();
        let log = open(folder.path()).unwrap();
        for after in [u64::from(u32::MAX), u64::MAX] {
            let error = log.append(id(1), Seq(after), vec![text("x")]).await.unwrap_err();
            assert!(error.to_string().contains("too large"), "{error}");
        }
        log.append(id(1), Seq(0), vec![text("x")]).await.unwrap();
    }

    fn any_event() -> impl Strategy<Value = AnswerEvent> {
        prop_oneof![
            5 => ".{0,8}".prop_map(AnswerEvent::Text),
            3 => ".{0,8}".prop_map(AnswerEvent::Reasoning),
            1 => ".{0,8}".prop_map(AnswerEvent::Refusal),
            1 => Just(AnswerEvent::Waiting),
            1 => Just(AnswerEvent::Continuation),
            1 => any::<u64>().prop_map(|elapsed_ms| AnswerEvent::FirstToken { elapsed_ms }),
            1 => any::<u64>().prop_map(|ms| AnswerEvent::Reasoned { ms }),
        ]
    }

    /// Which of three answers, how many of its next events, and whether that fails the first time.
    fn any_appends() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
        prop::collection::vec((0..3_usize, 1..9_usize, prop::bool::weighted(0.1)), 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_events_in_any_batches_add_up_to_the_answer_they_are(
            mut events in prop::collection::vec(prop::collection::vec(any_event(), 1..60), 3),
            appends in any_appends(),
            segment_bytes in prop_oneof![Just(SMALL), Just(1000), Just(SEGMENT_BYTES)],
        ) {
            events[0].push(end());
            let folder = TempDir::new().unwrap();
            let disk = Disk::default();
            let log = disk.open(folder.path(), segment_bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut done = [0; 3];
            for (which, count, fails) in appends {
                let answer = id(which as u128);
                let (from, to) = (done[which], (done[which] + count).min(events[which].len()));
                let append = |to: usize| log.append(answer, Seq(from as u64), events[which][from..to].to_vec());
                if fails && from < to {
                    disk.refuses_syncs.store(true, Ordering::SeqCst);
                    runtime.block_on(append(from + (to - from).div_ceil(2))).unwrap_err();
                    disk.refuses_syncs.store(false, Ordering::SeqCst);
                }
                runtime.block_on(append(to)).unwrap();
                done[which] = to;
            }
            for which in 0..3 {
                let answer = id(which as u128);
                prop_assert_eq!(recovered(folder.path(), answer), applied(answer, &events[which][..done[which]]));
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = TempDir::new().unwrap();
            fs::write(folder.path().join("00000001.log"), [HEADER, &bytes].concat()).unwrap();
            prop_assert_eq!(FileLog::read_folder(folder.path()).unwrap(), HashMap::new());
        }
    }
}
