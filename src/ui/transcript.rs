//! What was said, oldest first, and where the reader is in it.

use leptos::html::Div;
use leptos::prelude::*;

use super::answer_view::AnswerView;
use super::chats::{Chat, Turn};
use super::{browser, icons};
use crate::chat::EndStatus;

/// How near the end counts as there, in CSS pixels: half a line.
const NEAR_THE_END: i32 = 12;

#[component]
pub fn Transcript(chat: Chat) -> impl IntoView {
    let scroller = NodeRef::<Div>::new();
    let content = NodeRef::<Div>::new();
    let place = Place { scroller, at_end: RwSignal::new(true), last_top: StoredValue::new(0) };
    browser::on_resize(content, move || place.stick());
    // A question of one's own is always shown.
    Effect::new(move |before: Option<usize>| {
        let count = chat.turns.with(Vec::len);
        if before.is_some_and(|before| count > before) {
            place.to_end();
        }
        count
    });
    view! {
        <div class="transcript-frame">
            <div
                class="transcript"
                role="log"
                aria-label="Conversation"
                tabindex="0"
                node_ref=scroller
                on:scroll=move |_| place.scrolled()
            >
                <div class="turns" node_ref=content>
                    <h1 class="visually-hidden">"Conversation"</h1>
                    <For each=move || chat.turns.get() key=|turn| turn.question.id.0 let:turn>
                        <TurnView chat turn />
                    </For>
                </div>
            </div>
            <button
                type="button"
                class="to-end"
                class:shown=move || !place.at_end.get()
                aria-label="Go to the end"
                title="Go to the end"
                on:click=move |_| place.to_end()
            >
                <icons::Down />
            </button>
            <StatusLine chat />
        </div>
    }
}

#[component]
fn TurnView(chat: Chat, turn: Turn) -> impl IntoView {
    let question = turn.question.clone();
    let answers = turn.answers;
    view! {
        <article class="question" aria-label="You">
            <div class="question-text" dir="auto">
                {question.text}
            </div>
        </article>
        // Keyed, so that another answer is another article: its text grows in nodes of its own.
        <For each=move || answers.with(|answers| answers.last().copied()) key=|live| live.id.0 let:live>
            <AnswerView chat live />
        </For>
    }
}

/// Tells those who do not see the page that an answer began and how it ended; never its text.
#[component]
fn StatusLine(chat: Chat) -> impl IntoView {
    let status = Memo::new(move |_| {
        let Some(live) = chat.newest_answer() else { return String::new() };
        live.answer.with(|answer| match answer.end() {
            None => "Answering.".to_owned(),
            Some(end) => match end.status {
                EndStatus::Complete => format!("Answer complete, {} characters.", answer.characters),
                EndStatus::Stopped => "Answer stopped.".to_owned(),
                EndStatus::Failed => "The answer failed.".to_owned(),
                EndStatus::Interrupted => "The answer was interrupted.".to_owned(),
            },
        })
    });
    view! {
        <p class="visually-hidden" role="status">
            {status}
        </p>
    }
}

/// Where the reader is: held at the end while there, left alone elsewhere.
#[derive(Clone, Copy)]
struct Place {
    scroller: NodeRef<Div>,
    at_end: RwSignal<bool>,
    last_top: StoredValue<i32>,
}

impl Place {
    fn to_end(self) {
        self.set_at_end(true);
        self.stick();
    }

    fn stick(self) {
        if let Some(scroller) = self.scroller.get_untracked().filter(|_| self.at_end.get_untracked()) {
            scroller.set_scroll_top(scroller.scroll_height());
        }
    }

    /// Any way up leaves the end, however short; only reaching the end comes back to it.
    fn scrolled(self) {
        let Some(scroller) = self.scroller.get_untracked() else { return };
        let top = scroller.scroll_top();
        let went_up = top < self.last_top.get_value();
        self.last_top.set_value(top);
        let left = scroller.scroll_height() - scroller.client_height() - top;
        if went_up {
            self.set_at_end(left <= 1);
        } else if left <= NEAR_THE_END {
            self.set_at_end(true);
        }
    }

    fn set_at_end(self, at_end: bool) {
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
        }
    }
}
