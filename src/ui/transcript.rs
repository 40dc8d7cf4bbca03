//! What was said, oldest first, and where the reader is in it.

use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::Address;
use super::answer_view::AnswerView;
use super::browser;
use super::chats::{Chat, Chats, Turn};
use super::icons::{self, Icon};
use super::question_view::QuestionView;
use super::stats::count_of;
use crate::chat::EndStatus;

/// How near the end counts as there, in CSS pixels: half a line.
const NEAR_THE_END: i32 = 12;
/// A long chat is shown from its end: so many turns at once, and then so many more a frame, so that no frame takes
/// long. All of them come to stand in the document, where the browser's own search finds them.
const SHOWN_AT_ONCE: usize = 12;
/// In the browser, so many as a screen can hold, if that is less: each costs about 2 ms of the first task. No turn is
/// lower than this, in CSS pixels: one letter and one in answer take 217.
const LOWEST_TURN: usize = 200;
/// The header and the composer are at least so high together, in CSS pixels.
const AROUND_THE_TURNS: usize = 140;
const SHOWN_A_FRAME: usize = 6;
/// Bytes: no turn before these is among the first, so that neither the server's page nor the first task is long.
const FIRST_TEXT: usize = 256 * 1024;
const FRAMES_TO_SETTLE: usize = 6;

#[component]
pub fn Transcript(chat: Chat) -> impl IntoView {
    let scroller = NodeRef::<Div>::new();
    let content = NodeRef::<Div>::new();
    let place = Place {
        scroller,
        at_end: RwSignal::new(true),
        after_stay: StoredValue::new(None),
        last_top: StoredValue::new(0),
        last_height: StoredValue::new(0),
    };
    // The text grows, or what stands below the transcript does: more lines are typed, or a notice comes.
    browser::on_resize(content, move || place.stick());
    browser::on_resize(scroller, move || place.stick());
    // A question of one's own is always shown.
    Effect::new(move |before: Option<u64>| {
        let asked = chat.asked.get();
        if before.is_some_and(|before| before != asked) {
            place.to_end();
        }
        asked
    });
    // Another version leaves the reader where they are: where its arrows are.
    Effect::new(move |before: Option<u64>| {
        let choices = chat.choices();
        if before.is_some_and(|before| before != choices) {
            place.stay(Place::look);
        }
        choices
    });
    Effect::new(move || {
        place.start_at(browser::take_pre_hydration(|early| std::mem::take(&mut early.scrolled)));
    });
    let is_filled = RwSignal::new(false);
    fill(chat, first_turns(chat));
    let chats = expect_context::<Chats>();
    Effect::new(move || {
        spawn_local(async move {
            chats.load_deferred(chat).await;
            while is_filled.try_get_untracked() == Some(false) {
                browser::next_frame().await;
                if fill(chat, SHOWN_A_FRAME) == 0 {
                    is_filled.try_set(true);
                }
            }
        });
    });
    // From then on, whatever comes to be shown is filled at once: a new turn, another version.
    Effect::new(move || {
        let _ = chat.branch();
        if is_filled.get() {
            fill(chat, usize::MAX);
        }
    });
    let address = expect_context::<Address>();
    Effect::new(move || {
        // Once everything stands in the document.
        let message = address.message().filter(|_| is_filled.get());
        if let Some(message) = message {
            chats.reveal(chat, message);
            place.at_end.set(false);
            spawn_local(async move { browser::hold_in_view(&message.to_string(), FRAMES_TO_SETTLE).await });
        }
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
                on:wheel=move |_| place.may_scroll()
                on:touchmove=move |_| place.may_scroll()
                on:keydown=move |_| place.may_scroll()
            >
                <div class="turns" node_ref=content>
                    <h1 class="visually-hidden">{move || Some(chat.title.get())}</h1>
                    // Keyed by the answer, so that another one is another article: its text grows in nodes of its own.
                    <For each=move || chat.branch() key=|turn| turn.live.id.0 let:turn>
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
                <Icon path=icons::DOWN />
            </button>
        </div>
    }
}

/// How many of the last turns are shown at once: as many as a screen can hold, if they are not long and are here.
fn first_turns(chat: Chat) -> usize {
    let most = browser::height().map_or(SHOWN_AT_ONCE, |height| {
        (1 + height.saturating_sub(AROUND_THE_TURNS) / LOWEST_TURN).min(SHOWN_AT_ONCE)
    });
    let branch = untrack(|| chat.branch());
    let mut room = FIRST_TEXT;
    let fits = |(at, turn): &(usize, &Turn)| {
        let has_room = room > 0 && turn.live.is_loaded.get_untracked();
        room = room.saturating_sub(turn.live.answer.with_untracked(|answer| answer.content.size()));
        room = room.saturating_sub(turn.question.content.size());
        // The last is shown in any case: the end of it is here.
        *at == 0 || has_room
    };
    branch.iter().rev().enumerate().take(most).take_while(fits).count()
}

/// Fills the last `count` turns that are empty; says how many those were. All turns stand in the document from the
/// start, so that nothing moves when one is filled.
fn fill(chat: Chat, count: usize) -> usize {
    let branch = untrack(|| chat.branch());
    let empty = branch.iter().rev().filter(|turn| !turn.live.is_filled.get_untracked()).take(count);
    empty.map(|turn| turn.live.is_filled.set(true)).count()
}

#[component]
fn TurnView(chat: Chat, turn: Turn) -> impl IntoView {
    let Turn { question, live } = turn;
    view! {
        <section class="turn">
            {move || {
                // Of a question that did not come with the page, the first words did.
                let question = chat.question(question.id).unwrap_or_else(|| question.clone());
                live.is_filled
                    .get()
                    .then(|| {
                        view! {
                            <QuestionView chat question live />
                            <AnswerView chat live />
                        }
                            .into_any()
                    })
            }}
        </section>
    }
}

/// Tells those who do not see the page that an answer began and how it ended; never its text. It has to be in the page
/// before its words change: what comes with its words is not read out.
#[component]
pub fn StatusLine(chat: Chat) -> impl IntoView {
    let status = Memo::new(move |_| {
        let Some(live) = chat.newest_answer() else { return String::new() };
        live.answer.with(|answer| match answer.end() {
            None => "Answering.".to_owned(),
            Some(end) => match end.status {
                EndStatus::Complete => {
                    format!("Answer complete, {}.", count_of(answer.characters, "character"))
                }
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
    /// What comes after the frames for which the view is left alone; `None` while it is not.
    after_stay: StoredValue<Option<fn(Self)>>,
    last_top: StoredValue<i32>,
    last_height: StoredValue<i32>,
}

impl Place {
    fn to_end(self) {
        self.after_stay.set_value(None);
        self.set_at_end(true);
        self.stick();
    }

    /// Leaves the view alone for some frames, then goes on with `then`.
    fn stay(self, then: fn(Self)) {
        self.after_stay.set_value(Some(then));
        spawn_local(async move {
            for _ in 0..FRAMES_TO_SETTLE {
                browser::next_frame().await;
            }
            if let Some(then) = self.after_stay.try_update_value(Option::take).flatten() {
                then(self);
            }
        });
    }

    /// A person may be scrolling. Firefox does that in a thread of its own: what is written before the page hears of it
    /// would bring the view back.
    fn may_scroll(self) {
        if self.after_stay.get_value().is_none() {
            self.stay(Self::stick);
        }
    }

    /// Who is at the end is held there.
    fn look(self) {
        if let Some(scroller) = self.scroller.get_untracked() {
            let left = scroller.scroll_height() - scroller.client_height() - scroller.scroll_top();
            self.set_at_end(left <= NEAR_THE_END);
        }
    }

    fn stick(self) {
        let sticks = self.at_end.get_untracked() && self.after_stay.get_value().is_none();
        if let Some(scroller) = self.scroller.get_untracked().filter(|_| sticks) {
            let height = scroller.scroll_height();
            // It may have shrunk before, and grown again by the time the scrolling is heard of.
            self.last_height.update_value(|last| *last = height.max(*last));
            scroller.set_scroll_top(height);
            self.last_top.set_value(scroller.scroll_top());
        }
    }

    /// A reader who had scrolled before the page came alive is left there.
    fn start_at(self, top: i32) {
        if let Some(scroller) = self.scroller.get().filter(|_| top > 0) {
            self.at_end.set(false);
            self.last_top.set_value(top);
            scroller.set_scroll_top(top);
        }
    }

    /// Any way up leaves the end, however short; only reaching the end comes back to it.
    fn scrolled(self) {
        let Some(scroller) = self.scroller.get_untracked() else { return };
        let (top, height) = (scroller.scroll_top(), scroller.scroll_height());
        // What has become shorter takes the view up with it: that is nobody's wish.
        let went_up = top < self.last_top.get_value() && height >= self.last_height.get_value();
        self.last_top.set_value(top);
        self.last_height.set_value(height);
        let left = height - scroller.client_height() - top;
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
