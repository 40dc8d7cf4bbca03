//! Chats as JSON Lines: `runnel export` and `runnel import`. Nothing is lost on the way out and back.
//!
//! # Format
//!
//! Each line is a JSON object. The first is a [`Header`], the last a [`Trailer`], which a file that was cut off
//! does not have; each line between them is a whole [`Conversation`], with every version of every question and
//! answer. All answers have ended, and a question stands behind the one whose answer it follows. The format's
//! number goes up with every change by which an older Runnel would lose something.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answers::LARGEST_QUESTION_BYTES;
use super::conversations::{LARGEST_DRAFT_BYTES, LARGEST_SETTINGS_BYTES};
use super::store::legacy::KeptConversation;
use super::store::{AnswerStore, ConversationStore, SqliteStore, Store, StoreError};
use super::{clock, files};
use crate::chat::{Answer, AnswerId, Bill, Conversation, ConversationId, QuestionId, Usage, first_words};
use crate::conversation_list::clean_title;
use crate::user::Viewer;

/// Writes all conversations of the viewer that are not deleted, oldest first, each as it stands when its turn comes. Those that
/// cannot be read, because a part of the database is damaged, are left out. Holds one of them in memory at a time.
/// Blocks while `out` does not take more.
///
/// # Errors
/// The store cannot be read, or `out` not be written, which by then holds a part that [`read`] refuses.
pub async fn export(
    store: &SqliteStore,
    viewer: &Viewer,
    out: impl Write + Send,
) -> Result<Exported, TransferError> {
    let mut out = BufWriter::new(out);
    write_line(&mut out, &Header::of_this_version())?;
    let mut exported = Exported::default();
    for id in store.list_readable_ids(viewer).await? {
        match find_whole(store, viewer, id).await {
            Ok(Some(conversation)) => {
                write_conversation(&mut out, &conversation)?;
                exported.conversations += 1;
            }
            // It may have been deleted since the ids were listed.
            Ok(None) => {}
            Err(TransferError::Store(StoreError::Damaged { detail, .. })) => {
                let title = store.find_title(viewer, id).await.ok().flatten().unwrap_or_default();
                exported.unreadable.push(Unreadable { id, title, detail });
            }
            Err(error) => return Err(error),
        }
    }
    write_line(&mut out, &Trailer { conversations: exported.conversations })?;
    out.flush().map_err(TransferError::Write)?;
    Ok(exported)
}

/// As [`export`], to a new file that its owner alone can read. The file is there whole and durably, or not at all.
///
/// # Errors
/// Also if there is a file of this name: it is left as it is.
pub async fn export_to_file(
    store: &SqliteStore,
    viewer: &Viewer,
    file: &Path,
) -> Result<Exported, TransferError> {
    let failed = |error| file_error(file, error);
    files::refuse_existing(file).map_err(failed)?;
    let unnamed = UnnamedFile::beside(file).map_err(failed)?;
    let exported = export(store, viewer, &unnamed.content).await.map_err(|error| match error {
        TransferError::Write(error) => failed(error),
        other => other,
    })?;
    unnamed.name(file).map_err(failed)?;
    Ok(exported)
}

/// Reads what [`export`] wrote, and checks every line of it. Blocks until the end of `input`.
///
/// # Errors
/// [`TransferError::Damaged`] names the first line that is not as it has to be.
pub fn read(input: impl BufRead) -> Result<Vec<Conversation>, TransferError> {
    read_lines(Lines { input, longest_bytes: LONGEST_LINE_BYTES, number: 0 })
}

/// As [`read`], from a file.
///
/// # Errors
/// Also if the file cannot be opened.
pub fn read_file(file: &Path) -> Result<Vec<Conversation>, TransferError> {
    let opened = File::open(file).map_err(|error| {
        let text = format!("{}: {error}", file.display());
        TransferError::Read(io::Error::new(error.kind(), text))
    })?;
    read(BufReader::new(opened))
}

/// Adds conversations that were read, in portions: each is added whole or not at all, and others can write between
/// them. Those that are there already stay as they are, so that an import that broke off can be made once more.
///
/// # Errors
/// What the store says, such as that a message's id is in use in another conversation, and how many were added by
/// then.
pub async fn import(
    store: &SqliteStore,
    viewer: &Viewer,
    conversations: &[Conversation],
) -> Result<Imported, TransferError> {
    let mut added = 0;
    for (number, portion) in portions(conversations).enumerate() {
        if number > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let imported = store.import(viewer, portion).await;
        added += imported.map_err(|error| TransferError::Import { error, added })?;
    }
    Ok(Imported { added, already_there: (conversations.len() as u64).saturating_sub(added) })
}

/// What an export came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many conversations were written.
    pub conversations: u64,
    /// Those that were left out.
    pub unreadable: Vec<Unreadable>,
}

/// A conversation of which a part cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub id: ConversationId,
    /// Empty if it cannot be read either.
    pub title: String,
    pub detail: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, title, detail } = self;
        match title.as_str() {
            "" => write!(formatter, "A chat ({id})")?,
            title => write!(formatter, "The chat \u{201c}{}\u{201d} ({id})", plain(title))?,
        }
        write!(formatter, " is damaged and was left out ({detail}). A backup may still hold it.")
    }
}

/// What an import came to, in conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    pub added: u64,
    pub already_there: u64,
}

impl fmt::Display for Imported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Added {}", Chats(self.added))?;
        match self.already_there {
            0 => write!(formatter, "."),
            1 => write!(formatter, "; 1 was there already."),
            count => write!(formatter, "; {count} were there already."),
        }
    }
}

/// A number of conversations, in words for a person.
#[derive(Clone, Copy, Debug)]
pub struct Chats(pub u64);

impl fmt::Display for Chats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.0, if self.0 == 1 { "chat" } else { "chats" })
    }
}

/// Why chats did not get out, or in. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("The chats cannot be written: {0}.")]
    Write(io::Error),
    #[error("{} cannot be written: {error}. Choose another place. Nothing was left there.", .file.display())]
    File { file: PathBuf, error: io::Error },
    #[error("{} is there already, and was left as it is. Choose another name, or move it away.", .0.display())]
    Exists(PathBuf),
    #[error(
        "The chat \u{201c}{title}\u{201d} is longer than the {} GiB that can be imported again. Delete it, or copy \
         everything with `runnel backup`.", LONGEST_LINE_BYTES >> 30
    )]
    TooLong { title: String },
    #[error("The export cannot be read: {0}. Nothing was imported.")]
    Read(io::Error),
    /// Lines count from 1.
    #[error("Line {line} of the export {damage} Nothing was imported.")]
    Damaged { line: u64, damage: Damage },
    #[error("{error} {}", what_was_added(*.added))]
    Import { error: StoreError, added: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a line of an export: the end of a sentence that begins with it.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("is not JSON ({0}). The file was cut off or changed: copy or export it again.")]
    NotJson(String),
    #[error("is not how an export begins. Choose a file that `runnel export` wrote.")]
    NoHeader,
    #[error(
        "is of a newer Runnel{}: it has format {format}, and this one knows {FORMAT}. Install a newer version.",
        if .runnel.is_empty() { String::new() } else { format!(" ({runnel})") }
    )]
    Newer { format: u64, runnel: String },
    #[error("is not a chat ({0}). The file was changed: export it again.")]
    NotAChat(String),
    #[error("is longer than {} MiB, which no chat is.", .longest_bytes >> 20)]
    TooLong { longest_bytes: u64 },
    #[error(
        "is missing: the last line, which counts the chats, is not there. Copy or export the file again."
    )]
    CutOff,
    #[error("counts {}, but {found} came before it. Copy or export the file again.", Chats(*.counted))]
    Count { counted: u64, found: usize },
    #[error("comes after the end of the export. Import one file at a time.")]
    AfterEnd,
    #[error("holds a second {what} with the id {id}. Leave one of them out.")]
    Twice { what: &'static str, id: Uuid },
    #[error("holds the answer {0} without its question. Export the chat again.")]
    NoQuestion(AnswerId),
    #[error(
        "holds the question {0}, which follows an answer that is not there before it. Export the chat again."
    )]
    NoAnswer(QuestionId),
    #[error("holds the answer {0}, which is still being written. Export the chat again.")]
    StillRunning(AnswerId),
    #[error("holds a time after the year 9999. Times are milliseconds since 1970.")]
    Time,
    #[error("holds the question {0}, which is longer than 1 MiB. Shorten it, or leave it out.")]
    LongQuestion(QuestionId),
    #[error("holds a draft that is longer than 4 MiB. Shorten it, or leave it out.")]
    LongDraft,
    #[error("holds a system prompt that is longer than 1 MiB. Shorten it, or leave it out.")]
    LongSettings,
    #[error(
        "holds the answer {0} with a cost or a count that cannot be: costs are from 0 to 1,000,000 US dollars, and \
         no count is above 9,007,199,254,740,991. Correct it, or leave the answer out."
    )]
    Figure(AnswerId),
    #[error("shows the branch of the answer {0}, which is not in this chat. Leave `leaf` out.")]
    NoLeaf(AnswerId),
}

fn what_was_added(added: u64) -> String {
    match added {
        0 => "Nothing was imported.".to_owned(),
        _ => format!("Before that, {} were added. Import the file again for the rest.", Chats(added)),
    }
}

/// 2 brought the settings of a conversation, 3 the blocks of an answer in their order.
const FORMAT: u64 = 3;
const OLDEST_FORMAT: u64 = 1;
/// A conversation with some hundred pictures is far below.
const LONGEST_LINE_BYTES: u64 = 1 << 30;
/// In US dollars, of one answer.
const HIGHEST_COST: f64 = 1e6;
/// What is counted goes through JSON, where greater numbers are not exact.
const HIGHEST_COUNT: u64 = (1 << 53) - 1;
/// What is added in one transaction: so many conversations, or so many bytes of text. That is written within a tenth
/// of a second, and a server beside the import waits for it.
const PORTION: usize = 100;
const PORTION_BYTES: usize = 4 << 20;
/// SQLite's longest pause between two tries to write: whoever waits gets its turn between two portions.
const PAUSE: Duration = Duration::from_millis(100);
/// In characters, of what is told about JSON that cannot be read: it may repeat some of it.
const LONGEST_DETAIL: usize = 200;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The format's number.
    runnel_export: u64,
    /// Who wrote it.
    #[serde(default)]
    runnel: String,
    /// True if an answer that a fork copied says so ([`Answer::is_copy`]). Earlier exports did not tell.
    #[serde(default)]
    marks_copies: bool,
}

impl Header {
    fn of_this_version() -> Self {
        let runnel = env!("CARGO_PKG_VERSION").to_owned();
        Self { runnel_export: FORMAT, runnel, marks_copies: true }
    }
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    /// How many lines there are between the first and the last.
    conversations: u64,
}

/// A conversation as it is exported.
async fn find_whole(
    store: &SqliteStore,
    viewer: &Viewer,
    id: ConversationId,
) -> Result<Option<Conversation>, TransferError> {
    let Some(mut conversation) = store.find_conversation(viewer, id).await? else { return Ok(None) };
    end_running_answers(store, viewer, &mut conversation).await?;
    conversation.version = 0;
    // Earlier versions took any answer for the end of the branch that is shown.
    let answers = &conversation.answers;
    let is_own = |leaf: &AnswerId| answers.iter().any(|answer| answer.id == *leaf);
    conversation.leaf = conversation.leaf.filter(is_own);
    Ok(Some(conversation))
}

/// What is written in one transaction each.
fn portions(conversations: &[Conversation]) -> impl Iterator<Item = &[Conversation]> {
    let mut rest = conversations;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |conversation: &&Conversation| {
            bytes += bytes_of(conversation);
            bytes <= PORTION_BYTES
        };
        let count = rest.iter().take(PORTION).take_while(fits).count().max(1);
        let (portion, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(portion)
    })
}

/// Of text, nearly.
fn bytes_of(conversation: &Conversation) -> usize {
    let questions = conversation.questions.iter().map(|question| question.content.size());
    let answers = conversation.answers.iter().map(|answer| answer.content.size());
    questions.chain(answers).sum()
}

/// Gives answers that are being written what the log holds of them, and an end.
async fn end_running_answers(
    store: &SqliteStore,
    viewer: &Viewer,
    conversation: &mut Conversation,
) -> Result<(), TransferError> {
    if conversation.answers.iter().all(|answer| answer.end().is_some()) {
        return Ok(());
    }
    let mut logged = store.logged_answers().await?;
    for answer in conversation.answers.iter_mut().filter(|answer| answer.end().is_none()) {
        // Once an answer is kept its log is dropped: what is kept by now counts for more than what was logged.
        match store.find_answer(viewer, answer.id).await? {
            Some((_, kept)) if kept.end().is_some() => *answer = kept,
            _ => {
                let found = logged.iter().position(|logged| logged.id == answer.id);
                *answer = found.map_or_else(|| answer.clone(), |found| logged.swap_remove(found));
                // The log may hold the end already.
                answer.interrupt("It was being written when it was exported.");
            }
        }
    }
    Ok(())
}

fn write_conversation(out: &mut impl Write, conversation: &Conversation) -> Result<(), TransferError> {
    let length = write_line(out, conversation)?;
    if length > LONGEST_LINE_BYTES {
        return Err(TransferError::TooLong { title: conversation.title.clone() });
    }
    Ok(())
}

/// Says how many bytes that were.
fn write_line(out: &mut impl Write, line: &impl Serialize) -> Result<u64, TransferError> {
    // JSON keeps line breaks within texts escaped.
    let mut json = serde_json::to_vec(line).map_err(|error| TransferError::Write(error.into()))?;
    json.push(b'\n');
    out.write_all(&json).map_err(TransferError::Write)?;
    Ok(json.len() as u64)
}

/// A file that gets its name when it is whole; dropped before, it goes away.
struct UnnamedFile {
    path: PathBuf,
    content: File,
}

impl UnnamedFile {
    fn beside(file: &Path) -> io::Result<Self> {
        let path = files::folder_of(file).join(format!(".runnel-export-{}", clock::new_id()));
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let content = options.open(&path)?;
        Ok(Self { path, content })
    }

    fn name(self, file: &Path) -> io::Result<()> {
        self.content.sync_all()?;
        files::give_name(&self.path, file)
    }
}

impl Drop for UnnamedFile {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }
}

fn file_error(file: &Path, error: io::Error) -> TransferError {
    let file = file.to_owned();
    match error.kind() {
        ErrorKind::AlreadyExists => TransferError::Exists(file),
        _ => TransferError::File { file, error },
    }
}

fn read_lines(mut lines: Lines<impl BufRead>) -> Result<Vec<Conversation>, TransferError> {
    let header = lines.next()?.unwrap_or_default();
    let header = check_header(&header).map_err(|damage| lines.damaged(damage))?;
    let mut found = Found { marks_copies: header.marks_copies, ..Found::default() };
    let counted = loop {
        let Some(line) = lines.next()? else { return Err(lines.damaged(Damage::CutOff)) };
        // Any other line is refused as a trailer at its first key.
        if let Ok(trailer) = serde_json::from_slice::<Trailer>(&line) {
            break trailer.conversations;
        }
        found.add(&line).map_err(|damage| lines.damaged(damage))?;
    };
    if counted != found.conversations.len() as u64 {
        return Err(lines.damaged(Damage::Count { counted, found: found.conversations.len() }));
    }
    while let Some(line) = lines.next()? {
        if !line.trim_ascii().is_empty() {
            return Err(lines.damaged(Damage::AfterEnd));
        }
    }
    Ok(found.conversations)
}

fn check_header(line: &[u8]) -> Result<Header, Damage> {
    match serde_json::from_slice::<Header>(line) {
        Ok(header) if (OLDEST_FORMAT..=FORMAT).contains(&header.runnel_export) => Ok(header),
        Ok(header) if header.runnel_export > FORMAT => {
            Err(Damage::Newer { format: header.runnel_export, runnel: plain(&header.runnel) })
        }
        _ => Err(Damage::NoHeader),
    }
}

/// The lines of an export, one in memory at a time.
struct Lines<R> {
    input: R,
    longest_bytes: u64,
    /// Of the line that was read last, from 1. At the end, of the one that would have followed.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, TransferError> {
        self.number += 1;
        let mut line = Vec::new();
        let within = self.input.by_ref().take(self.longest_bytes + 1).read_until(b'\n', &mut line);
        let length = within.map_err(TransferError::Read)? as u64;
        if length > self.longest_bytes {
            return Err(self.damaged(Damage::TooLong { longest_bytes: self.longest_bytes }));
        }
        Ok((length > 0).then_some(line))
    }

    fn damaged(&self, damage: Damage) -> TransferError {
        TransferError::Damaged { line: self.number, damage }
    }
}

/// What was read so far, and the ids in it.
#[derive(Default)]
struct Found {
    marks_copies: bool,
    conversations: Vec<Conversation>,
    ids: HashSet<ConversationId>,
    questions: HashSet<QuestionId>,
    answers: HashSet<AnswerId>,
}

impl Found {
    fn add(&mut self, line: &[u8]) -> Result<(), Damage> {
        let kept: KeptConversation = serde_json::from_slice(line).map_err(unreadable)?;
        if !kept.is_whole() {
            return Err(Damage::NotAChat("missing field `content`".to_owned()));
        }
        let mut conversation = Conversation::from(kept);
        check_times(&conversation)?;
        check_sizes(&conversation)?;
        self.check_ids(&conversation)?;
        check_answers(&conversation)?;
        check_questions(&conversation)?;
        conversation.title = title_of(&conversation);
        if !self.marks_copies {
            mark_copies(&mut conversation);
        }
        self.conversations.push(conversation);
        Ok(())
    }

    fn check_ids(&mut self, conversation: &Conversation) -> Result<(), Damage> {
        let once = |is_new: bool, what, id| if is_new { Ok(()) } else { Err(Damage::Twice { what, id }) };
        once(self.ids.insert(conversation.id), "chat", conversation.id.0)?;
        for question in &conversation.questions {
            once(self.questions.insert(question.id), "question", question.id.0)?;
        }
        for answer in &conversation.answers {
            once(self.answers.insert(answer.id), "answer", answer.id.0)?;
        }
        Ok(())
    }
}

fn unreadable(error: serde_json::Error) -> Damage {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let detail = format!("{} in column {}", plain(what), error.column());
    if error.is_data() { Damage::NotAChat(detail) } else { Damage::NotJson(detail) }
}

/// A text out of a file that may be anything, fit for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect()
}

fn check_times(conversation: &Conversation) -> Result<(), Damage> {
    let Conversation { created_ms, updated_ms, questions, answers, .. } = conversation;
    let ended_ms = |answer: &Answer| {
        let duration_ms = answer.end().map_or(0, |end| end.duration_ms);
        answer.begun_ms.saturating_add(duration_ms)
    };
    let spans = |answer: &Answer| answer.first_token_ms.into_iter().chain(answer.content.reasoned_ms());
    let times = [*created_ms, *updated_ms].into_iter();
    let times = times.chain(questions.iter().map(|question| question.asked_ms));
    let mut times = times.chain(answers.iter().map(ended_ms)).chain(answers.iter().flat_map(spans));
    if times.all(|time| time <= clock::LATEST_MS) { Ok(()) } else { Err(Damage::Time) }
}

/// As of what is typed here.
fn check_sizes(conversation: &Conversation) -> Result<(), Damage> {
    if conversation.draft.len() > LARGEST_DRAFT_BYTES {
        return Err(Damage::LongDraft);
    }
    if conversation.settings.as_ref().is_some_and(|settings| settings.size() > LARGEST_SETTINGS_BYTES) {
        return Err(Damage::LongSettings);
    }
    let mut questions = conversation.questions.iter();
    match questions.find(|question| question.content.text_bytes() > LARGEST_QUESTION_BYTES) {
        Some(question) => Err(Damage::LongQuestion(question.id)),
        None => Ok(()),
    }
}

/// As [`clean_title`] leaves it; one that it leaves nothing of is replaced by the first words of the chat.
fn title_of(conversation: &Conversation) -> String {
    let first_words = conversation.questions.first().map(|question| first_words(&question.text()));
    let first_words = || clean_title(&first_words?);
    clean_title(&conversation.title).or_else(first_words).unwrap_or_default()
}

/// In earlier exports, an answer that a fork copied is older than its chat. Where nothing was copied, the first question
/// was asked at the moment in which the chat was made.
fn mark_copies(conversation: &mut Conversation) {
    let created_ms = conversation.created_ms;
    let is_fork = conversation.questions.first().is_some_and(|question| question.asked_ms < created_ms);
    for answer in conversation.answers.iter_mut().filter(|answer| answer.begun_ms < created_ms) {
        answer.is_copy |= is_fork && answer.begun_ms > 0;
    }
}

fn check_figures(answer: &Answer) -> Result<(), Damage> {
    let settled = if let Bill::Settled(usage) = &answer.bill { Some(usage) } else { None };
    let usages = || settled.into_iter().chain(answer.end().and_then(|end| end.usage.as_ref()));
    let costs = usages().filter_map(|usage| usage.cost);
    let tokens = usages().flat_map(|usage| {
        let Usage { prompt_tokens, completion_tokens, total_tokens, reasoning_tokens, cached_tokens, .. } =
            usage;
        [prompt_tokens, completion_tokens, total_tokens, reasoning_tokens, cached_tokens]
            .into_iter()
            .flatten()
    });
    let counts = tokens.copied().chain([answer.seq.0, answer.chunks, answer.characters]);
    let is_possible = costs.into_iter().all(|cost| (0.0..=HIGHEST_COST).contains(&cost))
        && counts.into_iter().all(|count| count <= HIGHEST_COUNT);
    if is_possible { Ok(()) } else { Err(Damage::Figure(answer.id)) }
}

/// Each answer has ended and has its question, and the branch that is shown ends with one of them.
fn check_answers(conversation: &Conversation) -> Result<(), Damage> {
    let known: HashSet<_> = conversation.questions.iter().map(|question| question.id).collect();
    for answer in &conversation.answers {
        if !known.contains(&answer.question) {
            return Err(Damage::NoQuestion(answer.id));
        }
        if answer.end().is_none() {
            return Err(Damage::StillRunning(answer.id));
        }
        check_figures(answer)?;
    }
    let mut leaves = conversation.leaf.iter().chain(&conversation.leaves);
    match leaves.find(|leaf| conversation.answers.iter().all(|answer| answer.id != **leaf)) {
        Some(leaf) => Err(Damage::NoLeaf(*leaf)),
        None => Ok(()),
    }
}

/// Each question begins the conversation or follows an answer to one before it, so nothing goes round in a circle.
fn check_questions(conversation: &Conversation) -> Result<(), Damage> {
    let answers = conversation.answers.iter();
    let question_of: HashMap<_, _> = answers.map(|answer| (answer.id, answer.question)).collect();
    let mut earlier = HashSet::new();
    for question in &conversation.questions {
        if let Some(after) = question.after
            && question_of.get(&after).is_none_or(|of| !earlier.contains(of))
        {
            return Err(Damage::NoAnswer(question.id));
        }
        earlier.insert(question.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Question;

    #[test]
    fn a_line_may_be_so_long_and_no_longer() {
        let read = |longest_bytes| {
            let input = "{\"runnel_export\":1}\n{\"conversations\":0}\n".as_bytes();
            read_lines(Lines { input, longest_bytes, number: 0 })
        };
        assert_eq!(read(20).unwrap(), []);
        let error = read(19).unwrap_err();
        assert!(
            matches!(error, TransferError::Damaged { line: 1, damage: Damage::TooLong { .. } }),
            "{error}"
        );
    }

    #[test]
    fn what_a_file_repeats_in_an_error_is_short_and_harmless() {
        let state = format!("\u{1b}[2J{}", "x".repeat(10_000));
        let line = format!(r#"{{"state":{}}}"#, serde_json::to_string(&state).unwrap());
        let error = serde_json::from_str::<Answer>(&line).unwrap_err();
        let told = unreadable(error).to_string();
        assert!(told.starts_with("is not a chat (") && told.len() < 400, "{told}");
        assert!(!told.contains('\u{1b}'), "{told:?}");
    }

    #[test]
    fn an_import_is_told_in_plain_words() {
        let told = |added, already_there| Imported { added, already_there }.to_string();
        assert_eq!(told(3, 2), "Added 3 chats; 2 were there already.");
        assert_eq!(told(1, 1), "Added 1 chat; 1 was there already.");
        assert_eq!(told(0, 0), "Added 0 chats.");
    }

    fn conversation(text_bytes: usize) -> Conversation {
        let question = Question::of_text(QuestionId(clock::new_id()), None, "x".repeat(text_bytes), 1000);
        Conversation {
            id: ConversationId(clock::new_id()),
            title: "Title".into(),
            is_title_chosen: false,
            is_pinned: false,
            is_archived: false,
            created_ms: 1000,
            updated_ms: 1000,
            version: 0,
            draft: String::new(),
            settings: None,
            leaf: None,
            leaves: Vec::new(),
            answers: vec![Answer::new(AnswerId(clock::new_id()), question.id, "m")],
            questions: vec![question],
        }
    }

    #[test]
    fn an_import_is_divided_by_number_and_by_size() {
        let sizes = |bytes: &[usize]| {
            let conversations: Vec<_> = bytes.iter().map(|bytes| conversation(*bytes)).collect();
            portions(&conversations).map(<[_]>::len).collect::<Vec<_>>()
        };
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[1; 2 * PORTION + 1]), [PORTION, PORTION, 1]);
        assert_eq!(sizes(&[PORTION_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, 2 * PORTION_BYTES, 1, 1]), [1, 1, 2], "one that is too large goes alone");
    }

    #[test]
    fn in_earlier_exports_the_answers_of_a_fork_are_told_by_their_age() {
        let are_copies = |created_ms, asked_ms, begun_ms: &[u64]| {
            let mut chat = Conversation { created_ms, ..conversation(1) };
            chat.questions[0].asked_ms = asked_ms;
            let answer = chat.answers[0].clone();
            chat.answers =
                begun_ms.iter().map(|begun_ms| Answer { begun_ms: *begun_ms, ..answer.clone() }).collect();
            mark_copies(&mut chat);
            chat.answers.iter().map(|answer| answer.is_copy).collect::<Vec<_>>()
        };
        assert_eq!(are_copies(1000, 500, &[500, 700, 1000, 2000]), [true, true, false, false]);
        assert_eq!(are_copies(1000, 1000, &[1000, 900]), [false, false], "a clock was set back");
        assert_eq!(are_copies(1000, 500, &[0]), [false], "its time is not known");
    }

    #[test]
    fn a_title_is_what_could_be_typed() {
        let titled = |title: &str| title_of(&Conversation { title: title.into(), ..conversation(3) });
        assert_eq!(titled("A\n\u{202e}title\u{0}"), "A title");
        assert_eq!(titled("\u{202e}"), "xxx");
        assert_eq!(titled(&"é".repeat(5000)).chars().count(), crate::conversation_list::LONGEST_TITLE);
    }

    #[test]
    fn what_was_added_before_a_failure_is_told() {
        let told =
            |added| TransferError::Import { error: StoreError::Conflict("It is in use."), added }.to_string();
        assert_eq!(told(0), "It is in use. Nothing was imported.");
        assert_eq!(
            told(100),
            "It is in use. Before that, 100 chats were added. Import the file again for the rest."
        );
    }
}
