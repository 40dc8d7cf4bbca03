//! Ways through a conversation: to a footnote, to an answer's start, to the end.

use std::cell::Cell;

use web_sys::{Element, KeyboardEvent};

use super::browser;

/// How near an answer's start counts as there, in CSS pixels.
const NEAR_THE_START: f64 = 16.0;
/// What comes into view is laid out for the first time, and may be longer or shorter than it was thought to be: after
/// so many frames all of it stands.
const FRAMES_TO_SETTLE: u32 = 6;
const FRAME_MS: i32 = 16;

/// To the footnote's text, in the part of the answer that mentions it.
pub fn go_to_footnote(button: &Element) -> Option<()> {
    let selector =
        [".footnote[data-footnote=\"", &browser::attribute(button, "data-footnote"), "\"]"].concat();
    let mut scopes = [".markdown", ".answer"].into_iter().filter_map(|scope| browser::closest(button, scope));
    let note = scopes.find_map(|scope| browser::first(&scope, &selector))?;
    note.scroll_into_view();
    browser::focus(&note);
    Some(())
}

/// Alt and an arrow: up to the start of what is read, down to the end.
pub fn key_pressed(event: &KeyboardEvent) {
    let is_held = |key| event.get_modifier_state(key);
    let is_alone = is_held("Alt") && !(is_held("Control") || is_held("Meta") || is_held("Shift"));
    if !is_alone || is_for_something_else(event) {
        return;
    }
    let went = match event.key().as_str() {
        "ArrowUp" => go_to_start(),
        "ArrowDown" => go_to_end(),
        _ => None,
    };
    if went.is_some() {
        event.prevent_default();
    }
}

/// Where these keys open a list, and over the page.
fn is_for_something_else(event: &KeyboardEvent) -> bool {
    browser::target(event)
        .is_some_and(|target| browser::closest(&target, "select, input, dialog, [role=combobox]").is_some())
}

/// To the start of the last answer that begins above the view, which is not the one whose start is there already; from
/// the first, to where the conversation begins.
fn go_to_start() -> Option<()> {
    let scroller = browser::first(&browser::root()?, ".transcript")?;
    let top = top(&scroller) - NEAR_THE_START;
    let begun = browser::all(&scroller, ".answer").into_iter().rev().find(|answer| self::top(answer) < top);
    let turn = next_turn();
    match begun {
        Some(answer) => settle(answer, turn, FRAMES_TO_SETTLE),
        None => scroller.set_scroll_top(0),
    }
    Some(())
}

/// The page's own button knows that whoever reads wants to stay there.
fn go_to_end() -> Option<()> {
    let button = browser::first(&browser::root()?, ".to-end")?;
    next_turn();
    browser::as_html(&button).click();
    Some(())
}

fn top(element: &Element) -> f64 {
    element.get_bounding_client_rect().top()
}

/// Scrolls to an element's start, in the next frames too; until there is another way to go.
fn settle(element: Element, turn: u32, frames: u32) {
    if frames > 0 && TURN.get() == turn {
        element.scroll_into_view();
        browser::after(FRAME_MS, move || settle(element, turn, frames - 1));
    }
}

thread_local! {
    /// Counts the ways that were gone.
    static TURN: Cell<u32> = const { Cell::new(0) };
}

fn next_turn() -> u32 {
    TURN.set(TURN.get().wrapping_add(1));
    TURN.get()
}
