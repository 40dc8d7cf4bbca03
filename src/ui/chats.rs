//! The chats of this page: which there are, and what was said in each.

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::address::{Address, Place};
use super::browser::{self, Backoff, LONGEST_PAUSE};
use super::chat_settings::ChatSettings;
use super::conversation_list::Sidebar;
use super::drafts::Tabs;
use super::live_answer::{Link, LiveAnswer};
use super::messages::{ChatState, Messages};
use super::parts::{Part, Parts};
use super::renderer;
use crate::api::answers::SentMessage;
use crate::api::conversations::{change_conversation, fork_conversation, load_conversation};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{AnswerId, Conversation, ConversationId, Question, QuestionId, first_words};
use crate::conversation_list::ConversationChange;
use crate::route::Route;
use crate::settings::{Settings, TypedSettings};
use crate::tree::{self, Tree, find_near};

/// Every chat that this page has opened. Belongs to the root: chats outlive the components that show them.
#[derive(Clone, Copy, Debug)]
pub struct Chats {
    pub(super) address: Address,
    /// The list of all chats.
    pub sidebar: RwSignal<Sidebar>,
    /// The other tabs of this browser.
    pub(super) tabs: Tabs,
    owner: StoredValue<Owner>,
    opened: RwSignal<Opened>,
    /// The chats that are being loaded.
    loading: StoredValue<Vec<ConversationId>>,
    /// Whether a chat is being copied.
    is_copying: StoredValue<bool>,
    /// What is set for new chats, as typed. Of one type with what a chat has of its own: each other one costs 1 KB.
    pub(super) defaults: RwSignal<Option<TypedSettings>>,
    /// Whether the settings of the chat that is shown are open.
    pub panel: RwSignal<bool>,
    /// The parts of the page that are loaded when they are needed.
    pub parts: Parts,
}

/// The chats that this page has opened.
#[derive(Clone, Debug)]
struct Opened {
    known: Vec<Chat>,
    /// The chat at `/`, which becomes `/c/<id>` with its first question.
    new_chat: ConversationId,
    /// A chat that was asked for and that the server does not have.
    not_found: Option<ConversationId>,
    /// A chat that is not known here and could not be loaded when it was last asked for, and why.
    unloaded: Option<(ConversationId, String)>,
}

/// One chat: all that was said in it, and the branch that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Chat {
    pub id: ConversationId,
    pub title: RwSignal<String>,
    messages: RwSignal<Messages>,
    /// What stands in the composer.
    pub draft: RwSignal<String>,
    /// The questions that are being edited, and what stands there.
    edits: StoredValue<Vec<Edit>>,
    /// Changes whenever an edit begins or ends.
    edits_changed: RwSignal<u64>,
    /// How often something was asked here.
    pub asked: RwSignal<u64>,
    pub(super) settings: ChatSettings,
    /// Why the last send came to nothing; empty if it did not.
    pub refusal: RwSignal<String>,
    /// The version that this page has heard of; 0 before the first.
    pub version: StoredValue<u64>,
}

/// A question that is being edited, and not asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub question: QuestionId,
    pub text: String,
    /// Where the caret is, if it is in there.
    pub selected: Option<(u32, u32)>,
}

/// A question of the branch that is shown, and the answer that the branch goes through.
#[derive(Clone, Debug)]
pub struct Turn {
    pub question: Question,
    pub live: LiveAnswer,
}

impl Chats {
    /// An empty state, owned by the current owner.
    pub fn new(address: Address, parts: Parts) -> Self {
        let chats = Self {
            address,
            sidebar: RwSignal::default(),
            tabs: Tabs::default(),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            loading: StoredValue::default(),
            is_copying: StoredValue::new(false),
            opened: RwSignal::new(Opened {
                known: Vec::new(),
                new_chat: ConversationId::now(),
                not_found: None,
                unloaded: None,
            }),
            defaults: RwSignal::default(),
            panel: RwSignal::new(false),
            parts,
        };
        chats.insert(chats.make_chat(chats.opened.with_untracked(|opened| opened.new_chat)));
        // After hydration, so that the first render equals the server's.
        Effect::new(move || {
            chats.answer_roll_calls();
            chats.notice_leaving();
        });
        chats.keep_settings();
        chats
    }

    /// The id of the chat that is still empty.
    pub fn new_chat(self) -> ConversationId {
        self.opened.with(|opened| opened.new_chat)
    }

    pub fn find(self, id: ConversationId) -> Option<Chat> {
        self.opened.with(|opened| opened.known.iter().find(|chat| chat.id == id).copied())
    }

    /// True if something is in this page alone, and would be lost with it: a question that is being edited or on its
    /// way, or settings that the server has not heard of.
    pub fn hold_what_is_here_alone(self) -> bool {
        self.opened.with_untracked(|opened| opened.known.iter().any(|chat| chat.holds_what_is_here_alone()))
    }

    /// True if the server does not have the chat.
    pub fn is_not_found(self, id: ConversationId) -> bool {
        self.opened.with(|opened| opened.not_found) == Some(id)
    }

    /// Why the chat, which is not known here, could not be loaded when it was last asked for.
    pub fn why_not_loaded(self, id: ConversationId) -> Option<String> {
        self.opened
            .with(|opened| opened.unloaded.clone())
            .filter(|(unloaded, _)| *unloaded == id)
            .map(|(_, why)| why)
    }

    /// True if the server has the chat, as far as this page knows.
    pub fn is_at_server(self, chat: Chat) -> bool {
        let is_deleted = self
            .sidebar
            .with_untracked(|sidebar| sidebar.deleted.as_ref().is_some_and(|(id, _)| *id == chat.id));
        chat.version.get_value() > 0 && !is_deleted && !untrack(|| self.is_not_found(chat.id))
    }

    /// Remembers the chat that the server does not have.
    pub fn mark_not_found(self, id: Option<ConversationId>) {
        if self.opened.with_untracked(|opened| opened.not_found) != id {
            self.opened.update(|opened| opened.not_found = id);
        }
    }

    /// Asks the server for a chat that this page does not know, such as one that "back" leads to, or for what is
    /// new in one that it does. Once at a time: an older state must not come after a newer one. Whatever is missed so
    /// is asked for with the next look at the list.
    pub fn fetch(self, id: ConversationId) {
        if self.loading.with_value(|loading| loading.contains(&id)) {
            return;
        }
        self.loading.update_value(|loading| loading.push(id));
        let known = untrack(|| self.find(id));
        let before = known.map(Chat::state);
        let changes = known.map_or(0, |chat| chat.settings.count_changes());
        spawn_local(async move {
            let loaded = load_conversation(id).await;
            self.loading.update_value(|loading| loading.retain(|known| *known != id));
            match loaded {
                Ok(conversation) => {
                    self.merge(&conversation, before);
                    if let Some(chat) = untrack(|| self.find(id)) {
                        chat.settings.merge(conversation.settings.as_ref(), changes);
                    }
                }
                Err(error) if error.kind == ApiErrorKind::NotFound => self.mark_not_found(Some(id)),
                // Asked for again with the next look at the list.
                Err(error) if known.is_none() => {
                    self.opened.update(|opened| opened.unloaded = Some((id, error.message)));
                }
                // What is known is shown, and the list says why there is no news.
                Err(_) => {}
            }
        });
    }

    /// Notes which answers are to be loaded, since their content did not come with the page.
    pub fn defer(self, id: ConversationId, deferred: &[AnswerId]) {
        let Some(chat) = untrack(|| self.find(id)) else { return };
        for live in chat.deferred_answers(deferred) {
            live.is_loaded.set(false);
        }
    }

    /// Loads what did not come with the page, if anything did not. It is tried again until it is here.
    pub async fn load_deferred(self, chat: Chat) {
        let mut backoff = Backoff::up_to(LONGEST_PAUSE);
        while chat.has_deferred() {
            let before = chat.state();
            match load_conversation(chat.id).await {
                Ok(conversation) => return self.merge(&conversation, Some(before)),
                Err(error) if error.kind == ApiErrorKind::NotFound => {
                    return self.mark_not_found(Some(chat.id));
                }
                Err(_) => backoff.wait().await,
            }
        }
    }

    /// Takes over what the server knows of a chat. What this page knows better stays: an answer that is being
    /// read here, and a question that is on its way. `before` is how the chat stood when it was asked for.
    pub fn merge(self, conversation: &Conversation, before: Option<ChatState>) {
        let known = untrack(|| self.find(conversation.id));
        let chat = known.unwrap_or_else(|| self.make_chat(conversation.id));
        chat.version.set_value(conversation.version);
        if chat.title.with_untracked(|title| *title != conversation.title) {
            chat.title.set(conversation.title.clone());
        }
        let mut messages = chat.messages.get_untracked();
        let mut is_news = before.as_ref().is_some_and(|before| messages.drop_lost(before, conversation));
        // Both have them in one order, as far as both have them.
        let known_questions = messages.questions.len();
        for (at, question) in conversation.questions.iter().enumerate() {
            let known = &mut messages.questions[..known_questions];
            match find_near(known, at, |known| known.id == question.id).map(|at| &mut known[at]) {
                None => {
                    messages.questions.push(question.clone());
                    is_news = true;
                }
                // Its first words came with the page.
                Some(known) if known.content != question.content => {
                    known.content.clone_from(&question.content);
                    is_news = true;
                }
                Some(_) => {}
            }
        }
        let known_answers = messages.answers.len();
        for (at, answer) in conversation.answers.iter().enumerate() {
            let known = &messages.answers[..known_answers];
            if let Some(at) = find_near(known, at, |live| live.id == answer.id) {
                known[at].correct(answer);
            } else {
                messages.answers.push(self.owned(|| LiveAnswer::new(answer.clone())));
                is_news = true;
            }
        }
        // What was asked for before a person chose another version here would turn the page back. Who edits a question
        // is left at it.
        let shown = untrack(|| chat.tree()).branch(messages.leaf);
        let next = conversation.tree().branch(conversation.leaf);
        let is_settled = !chat.edits_any(&shown, &next)
            && before.is_none_or(|before| {
                before.choices.is_some() && before.choices == messages.settled_choices()
            });
        is_news |= messages.follow_leaf(conversation, is_settled);
        if is_news {
            chat.note_carets();
            chat.messages.set(messages);
        }
        if known.is_none() {
            chat.settings.merge(conversation.settings.as_ref(), 0);
            chat.draft.set(conversation.draft.clone());
            self.insert(chat);
        }
    }

    /// Asks `text` in `chat`, after the answer that is shown last. False if it is not asked, as with all that asks:
    /// see [`Chat::may_ask`].
    pub fn ask(self, chat: Chat, text: String, settings: Settings) -> bool {
        self.ask_after(chat, untrack(|| chat.newest_answer()).map(|answer| answer.id), text, settings)
    }

    /// Asks `text` after `after`, beside whatever else was asked there. The draft is the composer's again if it
    /// cannot be sent.
    pub fn ask_after(self, chat: Chat, after: Option<AnswerId>, text: String, settings: Settings) -> bool {
        if !chat.may_ask() {
            return false;
        }
        let question = Question::of_text(QuestionId::now(), after, text, 0);
        chat.messages.update(|messages| messages.questions.push(question.clone()));
        if untrack(|| self.new_chat()) == chat.id {
            chat.title.set(first_words(&question.text()));
            self.begin(chat);
        }
        self.request_answer(chat, question, None, settings);
        true
    }

    /// Asks the same question again: another answer beside the one that is there; or, with `continues`, one that
    /// goes on from its end.
    pub fn try_again(self, chat: Chat, live: LiveAnswer, continues: bool, settings: Settings) {
        let question = chat.messages.with_untracked(|messages| {
            messages.questions.iter().find(|question| question.id == live.question).cloned()
        });
        if let Some(question) = question.filter(|_| chat.may_ask()) {
            self.request_answer(chat, question, continues.then_some(live.id), settings);
        }
    }

    /// Has what shows answers loaded, since there will be one: it is here when the first words are.
    pub fn prepare_to_read(self) {
        self.parts.prepare(Part::Transcript);
        renderer::prepare();
    }

    fn request_answer(self, chat: Chat, question: Question, continues: Option<AnswerId>, settings: Settings) {
        chat.refusal.set(String::new());
        self.settle_settings(chat);
        browser::focus_message();
        self.prepare_to_read();
        let before = chat.messages.with_untracked(|messages| messages.leaf);
        let model = settings.model.clone().unwrap_or_default();
        let id = AnswerId::now();
        let live = self.owned(|| LiveAnswer::begin(id, question.id, model));
        chat.note_carets();
        chat.messages.update(|messages| {
            messages.answers.push(live);
            messages.leaf = Some(id);
            messages.is_chosen = false;
        });
        chat.asked.update(|asked| *asked += 1);
        let message = SentMessage {
            conversation: chat.id,
            question: question.clone().into(),
            answer: id,
            continues,
            settings,
            answers: Vec::new(),
        };
        live.send(message, self, move |error| {
            chat.take_back(&question, id, before, error);
            self.unbegin(chat);
        });
    }

    /// Shows another version: of an answer, or (`answer` being any answer to it) of a question.
    pub fn show(self, chat: Chat, answer: AnswerId) {
        let leaf = untrack(|| chat.tree()).latest_descendant(answer);
        chat.note_carets();
        chat.messages.update(|messages| {
            messages.leaf = Some(leaf);
            messages.is_chosen = true;
            messages.choices += 1;
        });
        spawn_local(async move {
            change(chat.id, ConversationChange::Leaf(leaf)).await;
            chat.messages.update_untracked(|messages| messages.told_choices += 1);
        });
    }

    /// Shows the branch that a message stands on, if the one that is shown does not hold it.
    pub fn reveal(self, chat: Chat, message: Uuid) {
        let tree = untrack(|| chat.tree());
        let is_shown = untrack(|| chat.branch())
            .iter()
            .any(|turn| turn.question.id.0 == message || turn.live.id.0 == message);
        let answer =
            tree.answers.iter().rev().find(|(answer, question)| answer.0 == message || question.0 == message);
        if let Some((answer, _)) = answer.filter(|_| !is_shown) {
            self.show(chat, *answer);
        }
    }

    /// Copies the branch of `chat` up to `leaf` into a chat of its own, and goes there. Once at a time: two clicks
    /// make one copy.
    pub fn fork(self, chat: Chat, leaf: AnswerId) {
        if self.is_copying.get_value() {
            return;
        }
        self.is_copying.set_value(true);
        chat.refusal.set(String::new());
        let id = ConversationId::now();
        spawn_local(async move {
            match fork_conversation(leaf, id).await {
                Ok(()) => self.address.go(&Route::Chat(id).path()),
                Err(error) => chat.refusal.set(format!("The chat was not copied. {}", error.message)),
            }
            self.is_copying.set_value(false);
        });
    }

    /// The new chat has its first question: it gets an address of its own, and `/` becomes another chat. In
    /// this order, so that what is shown stays the same chat throughout.
    fn begin(self, chat: Chat) {
        self.address.go(&Route::Chat(chat.id).path());
        let id = ConversationId::now();
        self.insert(self.make_chat(id));
        self.opened.update(|opened| opened.new_chat = id);
    }

    /// A chat whose first question was refused was never made: it is the new chat again, at `/`. In the reverse order,
    /// and only if nobody has begun to write another meanwhile.
    fn unbegin(self, chat: Chat) {
        let newer = untrack(|| self.find(self.new_chat()));
        let is_free =
            newer.is_some_and(|newer| newer.id != chat.id && newer.draft.with_untracked(String::is_empty));
        let is_shown = untrack(|| self.address.place(self)) == Place::Chat(chat.id);
        let was_made = chat.version.get_value() > 0 || !untrack(|| chat.is_empty());
        if was_made || !is_shown || !is_free {
            return;
        }
        self.opened.update(|opened| {
            let newer = std::mem::replace(&mut opened.new_chat, chat.id);
            opened.known.retain(|known| known.id != newer);
        });
        chat.title.set(String::new());
        self.address.replace("/");
    }

    fn make_chat(self, id: ConversationId) -> Chat {
        self.owned(|| Chat {
            id,
            title: RwSignal::default(),
            messages: RwSignal::default(),
            draft: RwSignal::default(),
            edits: StoredValue::default(),
            edits_changed: RwSignal::default(),
            asked: RwSignal::new(0),
            settings: ChatSettings::default(),
            refusal: RwSignal::default(),
            version: StoredValue::new(0),
        })
    }

    fn insert(self, chat: Chat) {
        self.opened.update(|opened| opened.known.push(chat));
    }

    /// Signals made by `make` live as long as the root.
    fn owned<T>(self, make: impl FnOnce() -> T) -> T {
        self.owner.with_value(|owner| owner.with(make))
    }
}

/// Tells the server which branch is shown. Nobody needs to know if that fails: this page shows the branch all the same.
async fn change(id: ConversationId, change: ConversationChange) {
    match change_conversation(id, change).await {
        // That the server is away is told by the list.
        Err(error) if error.kind != ApiErrorKind::Network => {
            leptos::logging::warn!("The chat was not changed: {error}");
        }
        _ => {}
    }
}

impl Chat {
    /// True before the first question.
    pub fn is_empty(self) -> bool {
        self.messages.with(|messages| messages.answers.is_empty())
    }

    /// The turns of the branch that is shown, oldest first.
    pub fn branch(self) -> Vec<Turn> {
        let tree = self.tree();
        self.messages.with(|messages| {
            let Messages { questions, answers, .. } = messages;
            let (mut near_question, mut near_answer) = (questions.len(), answers.len());
            let turn = |(question, answer)| {
                near_question = find_near(questions, near_question, |known| known.id == question)?;
                near_answer = find_near(answers, near_answer, |known| known.id == answer)?;
                Some(Turn { question: questions[near_question].clone(), live: answers[near_answer] })
            };
            let mut turns: Vec<_> = tree.branch(messages.leaf).into_iter().rev().filter_map(turn).collect();
            turns.reverse();
            turns
        })
    }

    /// The question with this id, as it is known by now.
    pub fn question(self, id: QuestionId) -> Option<Question> {
        self.messages
            .with_untracked(|messages| messages.questions.iter().find(|question| question.id == id).cloned())
    }

    fn deferred_answers(self, deferred: &[AnswerId]) -> Vec<LiveAnswer> {
        self.messages.with_untracked(|messages| {
            messages.answers.iter().filter(|live| deferred.contains(&live.id)).copied().collect()
        })
    }

    fn has_deferred(self) -> bool {
        let has_deferred =
            |messages: &Messages| messages.answers.iter().any(|live| !live.is_loaded.get_untracked());
        // Nothing is to be loaded for a page that is gone.
        self.messages.try_with_untracked(has_deferred).unwrap_or_default()
    }

    /// How it stands now.
    fn state(self) -> ChatState {
        self.messages.with_untracked(|messages| ChatState {
            answers: messages.answers.iter().filter(|live| live.is_at_server()).map(|live| live.id).collect(),
            choices: messages.settled_choices(),
        })
    }

    /// How often a version was chosen here.
    pub fn choices(self) -> u64 {
        self.messages.with(|messages| messages.choices)
    }

    /// Nothing is asked while a question is on its way: the second of two clicks is nobody's wish, and whoever waits
    /// longer is told why.
    pub fn may_ask(self) -> bool {
        let on_its_way = self
            .messages
            .with_untracked(|messages| messages.answers.iter().find(|live| live.is_on_its_way()).copied());
        if on_its_way.is_some_and(|live| live.link.get_untracked() != Link::Up) {
            self.refusal.set("Another question is still on its way. Wait for it, or stop it.".to_owned());
        }
        on_its_way.is_none()
    }

    fn holds_what_is_here_alone(self) -> bool {
        let messages = |messages: &Messages| {
            let is_on_its_way = messages.answers.iter().any(|live| live.is_on_its_way());
            is_on_its_way || (!messages.answers.is_empty() && self.settings.are_unsent())
        };
        self.is_being_edited() || self.messages.with_untracked(messages)
    }

    /// True if a question is edited that is in the branch `shown` and not in `next`.
    fn edits_any(self, shown: &[tree::Turn], next: &[tree::Turn]) -> bool {
        let is_in = |branch: &[tree::Turn], id| branch.iter().any(|(question, _)| *question == id);
        self.edits.with_value(|edits| {
            edits.iter().any(|edit| is_in(shown, edit.question) && !is_in(next, edit.question))
        })
    }

    fn is_being_edited(self) -> bool {
        self.edits.with_value(|edits| !edits.is_empty())
    }

    /// Who follows whom.
    pub fn tree(self) -> Tree {
        self.messages.with(|messages| Tree {
            questions: messages.questions.iter().map(|question| (question.id, question.after)).collect(),
            answers: messages.answers.iter().map(|live| (live.id, live.question)).collect(),
        })
    }

    /// True while the question is being edited.
    pub fn is_edited(self, question: QuestionId) -> bool {
        self.edits_changed.track();
        self.edits.with_value(|edits| edits.iter().any(|edit| edit.question == question))
    }

    /// Begins to edit the question with this text, the caret at its end.
    pub fn begin_edit(self, question: QuestionId, text: String) {
        // A place beyond the text is its end.
        let end = u32::MAX;
        self.edits.update_value(|edits| edits.push(Edit { question, text, selected: Some((end, end)) }));
        self.edits_changed.update(|changes| *changes += 1);
    }

    /// The question is edited no more.
    pub fn end_edit(self, question: QuestionId) {
        self.edits.update_value(|edits| edits.retain(|edit| edit.question != question));
        self.edits_changed.update(|changes| *changes += 1);
    }

    /// What stands in the field of a question that is being edited.
    pub fn edit(self, question: QuestionId) -> Option<Edit> {
        self.edits.with_value(|edits| edits.iter().find(|edit| edit.question == question).cloned())
    }

    /// Notes where the caret is before turns are drawn anew: the field is another one afterwards.
    fn note_carets(self) {
        let edited: Vec<_> = self.edits.with_value(|edits| edits.iter().map(|edit| edit.question).collect());
        for question in edited {
            let selected = browser::selected_in(&format!("editor-{question}"));
            self.change_edit(question, |edit| edit.selected = selected);
        }
    }

    /// Changes it, if the question is still being edited.
    pub fn change_edit(self, question: QuestionId, change: impl FnOnce(&mut Edit)) {
        self.edits
            .try_update_value(|edits| edits.iter_mut().find(|edit| edit.question == question).map(change));
    }

    /// The answer that a next question would follow: the last that is shown.
    pub fn newest_answer(self) -> Option<LiveAnswer> {
        self.messages.with(|messages| {
            let shown = messages.answers.iter().find(|live| Some(live.id) == messages.leaf);
            shown.or(messages.answers.last()).copied()
        })
    }

    /// The answer that is being written, if one is.
    pub fn running_answer(self) -> Option<LiveAnswer> {
        self.newest_answer().filter(|answer| answer.is_running())
    }

    /// A send that the server refused leaves nothing behind: the question goes back to the composer.
    fn take_back(self, question: &Question, answer: AnswerId, before: Option<AnswerId>, error: ApiError) {
        self.note_carets();
        let is_last = self.messages.try_update(|messages| {
            if messages.leaf == Some(answer) {
                messages.leaf = before;
            }
            messages.answers.retain(|live| live.id != answer);
            let is_last = !messages.answers.iter().any(|live| live.question == question.id);
            if is_last {
                messages.questions.retain(|known| known.id != question.id);
            }
            is_last
        });
        if is_last == Some(true) {
            self.draft.update(|draft| {
                let newer = std::mem::replace(draft, question.text().into_owned());
                if !newer.trim().is_empty() {
                    draft.push_str("\n\n");
                    draft.push_str(&newer);
                }
            });
        }
        self.refusal.set(error.message);
    }
}
