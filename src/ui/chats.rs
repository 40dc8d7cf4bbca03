//! The chats of this page: which there are, and what was said in each.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::Address;
use super::browser;
use super::live_answer::LiveAnswer;
use crate::api::ApiError;
use crate::api::answers::{SentMessage, load_conversation};
use crate::chat::{AnswerId, Conversation, ConversationId, Question, QuestionId};
use crate::settings::{Settings, TypedSettings};

const SETTINGS_KEY: &str = "runnel-settings";

/// Every chat that this page has opened. Belongs to the root: chats outlive the components that show them.
#[derive(Clone, Copy, Debug)]
pub struct Chats {
    address: Address,
    owner: StoredValue<Owner>,
    known: RwSignal<Vec<Chat>>,
    /// The chat at `/`, which becomes `/c/<id>` with its first question.
    fresh: RwSignal<ConversationId>,
    /// A chat that was asked for and that the server does not have.
    absent: RwSignal<Option<ConversationId>>,
    /// What is set for the next question, as typed.
    pub settings: RwSignal<TypedSettings>,
}

/// One chat.
#[derive(Clone, Copy, Debug)]
pub struct Chat {
    pub id: ConversationId,
    pub turns: RwSignal<Vec<Turn>>,
    /// What stands in the composer.
    pub draft: RwSignal<String>,
    /// Why the last send came to nothing; empty if it did not.
    pub refusal: RwSignal<String>,
}

/// A question, and the answers to it: more than one after "Try again".
#[derive(Clone, Debug)]
pub struct Turn {
    pub question: Question,
    pub answers: RwSignal<Vec<LiveAnswer>>,
}

impl Chats {
    /// An empty state, owned by the current owner.
    pub fn new(address: Address) -> Self {
        let chats = Self {
            address,
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            known: RwSignal::default(),
            fresh: RwSignal::new(ConversationId::now()),
            absent: RwSignal::new(None),
            settings: RwSignal::default(),
        };
        chats.insert(chats.new_chat(chats.fresh.get_untracked()));
        // After hydration, so that the first render equals the server's.
        Effect::new(move || {
            if let Some(settings) =
                browser::stored(SETTINGS_KEY).and_then(|json| serde_json::from_slice(json.as_bytes()).ok())
            {
                chats.settings.set(settings);
            }
        });
        chats
    }

    /// The id of the chat that is still empty.
    pub fn fresh(self) -> ConversationId {
        self.fresh.get()
    }

    pub fn find(self, id: ConversationId) -> Option<Chat> {
        self.known.with(|known| known.iter().find(|chat| chat.id == id).copied())
    }

    /// True if the server does not have the chat.
    pub fn is_absent(self, id: ConversationId) -> bool {
        self.absent.get() == Some(id)
    }

    /// Remembers that the server does not have the chat.
    pub fn mark_absent(self, id: ConversationId) {
        self.absent.set(Some(id));
    }

    /// Asks the server for a chat that this page does not know, such as one that "back" leads to.
    pub fn fetch(self, id: ConversationId) {
        if untrack(|| self.find(id)).is_none() {
            spawn_local(async move {
                match load_conversation(id).await {
                    Ok(conversation) => {
                        self.adopt(&conversation);
                    }
                    Err(_) => self.mark_absent(id),
                }
            });
        }
    }

    /// Takes over what the server knows of a chat. A chat that is here already is ahead of it and stays.
    pub fn adopt(self, conversation: &Conversation) -> Chat {
        untrack(|| self.find(conversation.id)).unwrap_or_else(|| {
            let chat = self.new_chat(conversation.id);
            let turns = conversation.newest_branch().into_iter().map(|question| {
                let answers = conversation
                    .answers_to(question.id)
                    .map(|answer| self.owned(|| LiveAnswer::new(answer.clone())));
                let answers = answers.collect::<Vec<_>>();
                Turn { question: question.clone(), answers: self.owned(|| RwSignal::new(answers)) }
            });
            chat.turns.set(turns.collect());
            self.insert(chat);
            chat
        })
    }

    /// Changes what is set for the next question, and remembers it in this browser.
    pub fn change_settings(self, change: impl FnOnce(&mut TypedSettings)) {
        self.settings.update(change);
        let json =
            self.settings.with_untracked(|settings| serde_json::to_string(settings).unwrap_or_default());
        browser::store(SETTINGS_KEY, &json);
    }

    /// Asks `text` in `chat`, after its newest answer. The draft is the composer's again if it cannot be sent.
    pub fn ask(self, chat: Chat, text: String, settings: Settings) {
        let after = chat.newest_answer().map(|answer| answer.id);
        let question = Question { id: QuestionId::now(), after, text };
        let turn = Turn { question, answers: self.owned(|| RwSignal::new(Vec::new())) };
        chat.turns.update(|turns| turns.push(turn.clone()));
        if self.fresh.get_untracked() == chat.id {
            self.begin(chat);
        }
        self.request_answer(chat, turn, settings);
    }

    /// Asks the same question again: another answer beside the one that is there.
    pub fn try_again(self, chat: Chat, question: QuestionId, settings: Settings) {
        let turns = chat.turns.get_untracked();
        if let Some(turn) = turns.into_iter().find(|turn| turn.question.id == question) {
            self.request_answer(chat, turn, settings);
        }
    }

    fn request_answer(self, chat: Chat, turn: Turn, settings: Settings) {
        chat.refusal.set(String::new());
        let model = settings.model.clone().unwrap_or_default();
        let id = AnswerId::now();
        let live = self.owned(|| LiveAnswer::begin(id, turn.question.id, model));
        turn.answers.update(|answers| answers.push(live));
        let message = SentMessage {
            conversation: chat.id,
            question: turn.question.clone().into(),
            answer: id,
            settings,
        };
        live.send(message, move |error| chat.take_back(&turn, id, error));
    }

    /// The fresh chat has its first question: it gets an address of its own, and `/` becomes another chat. In
    /// this order, so that what is shown stays the same chat throughout.
    fn begin(self, chat: Chat) {
        self.address.go(&format!("/c/{}", chat.id));
        let id = ConversationId::now();
        self.insert(self.new_chat(id));
        self.fresh.set(id);
    }

    fn new_chat(self, id: ConversationId) -> Chat {
        self.owned(|| Chat {
            id,
            turns: RwSignal::default(),
            draft: RwSignal::default(),
            refusal: RwSignal::default(),
        })
    }

    fn insert(self, chat: Chat) {
        self.known.update(|known| known.push(chat));
    }

    /// Signals made by `make` live as long as the root.
    fn owned<T>(self, make: impl FnOnce() -> T) -> T {
        self.owner.with_value(|owner| owner.with(make))
    }
}

impl Chat {
    /// The answer that a next question would follow.
    pub fn newest_answer(self) -> Option<LiveAnswer> {
        self.turns
            .with(|turns| turns.last().and_then(|turn| turn.answers.with(|answers| answers.last().copied())))
    }

    /// The answer that is being written, if one is.
    pub fn running_answer(self) -> Option<LiveAnswer> {
        self.newest_answer().filter(|answer| answer.is_running())
    }

    /// A send that the server refused leaves nothing behind: the question goes back to the composer.
    fn take_back(self, turn: &Turn, answer: AnswerId, error: ApiError) {
        turn.answers.update(|answers| answers.retain(|live| live.id != answer));
        if turn.answers.with_untracked(Vec::is_empty) {
            self.turns.update(|turns| turns.retain(|known| known.question.id != turn.question.id));
            self.draft.update(|draft| {
                let newer = std::mem::replace(draft, turn.question.text.clone());
                if !newer.trim().is_empty() {
                    draft.push_str("\n\n");
                    draft.push_str(&newer);
                }
            });
        }
        self.refusal.set(error.message);
    }
}
