//! Diagrams, each drawn in a frame that can do nothing else: see `server::sandbox`.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::JsValue;
use web_sys::{Element, HtmlIFrameElement, MessageEvent};

use super::{browser, code};
use crate::html::Html;

const PLACE: &str = r#"<div class="diagram"><iframe sandbox="allow-scripts" src="/frame/diagram" title="Diagram"></iframe></div>"#;

/// In CSS pixels. A frame says how high it is; what it says is not trusted further.
const LOWEST: f64 = 40.0;
const HIGHEST: f64 = 10_000.0;
/// Of what a frame says went wrong, in characters.
const LONGEST_PROBLEM: usize = 500;

/// Shows the diagram under its code, or takes it away.
pub fn toggle(button: &Element) -> Option<()> {
    let block = code::block(button)?;
    if let Some(shown) = browser::first(&block, ".diagram") {
        shown.remove();
        browser::unset(button, "aria-pressed");
        return Some(());
    }
    block.insert_adjacent_html("beforeend", PLACE).ok()?;
    browser::set(button, "aria-pressed", "true");
    Some(())
}

/// A frame is there: if it is a diagram's, it is sent what it shall draw.
pub fn loaded(frame: &Element) -> Option<()> {
    let place = browser::closest(frame, ".diagram")?;
    let message = Object::new();
    Reflect::set(&message, &"source".into(), &code::source(&code::block(&place)?)?.into()).ok()?;
    Reflect::set(&message, &"isDark".into(), &is_dark().into()).ok()?;
    // Its origin is nobody's, so there is no name for it.
    window(frame)?.unchecked_ref::<web_sys::Window>().post_message(&message, "*").ok()
}

/// What came may be from a diagram's frame.
pub fn told(message: &MessageEvent) -> Option<()> {
    let source = JsValue::from(message.source()?);
    let frames = browser::all(&browser::root()?, ".diagram > iframe");
    let frame = frames.iter().find(|frame| window(frame).is_some_and(|window| window == source))?;
    let data = message.data();
    let said = |name: &str| Reflect::get(&data, &name.into()).ok();
    if let Some(problem) = said("error").and_then(|problem| problem.as_string()) {
        let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
        let mut html = Html::default();
        html.markup(r#"<p class="diagram-problem" role="alert">This diagram cannot be drawn. "#);
        html.text(&problem).markup("</p>");
        browser::closest(frame, ".diagram")?.set_inner_html(&html.into_string());
    } else if let Some(height) = said("height").and_then(|height| height.as_f64()) {
        browser::set(frame, "height", &pixels(height).to_string());
    }
    Some(())
}

fn window(frame: &Element) -> Option<JsValue> {
    frame.unchecked_ref::<HtmlIFrameElement>().content_window().map(JsValue::from)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is within bounds, and what is no number becomes 0"
)]
fn pixels(height: f64) -> u64 {
    height.clamp(LOWEST, HIGHEST) as u64
}

/// As the page is: by choice, or else as the system is.
fn is_dark() -> bool {
    match browser::root().map(|root| browser::attribute(&root, "data-theme")).as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => web_sys::window()
            .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok().flatten())
            .is_some_and(|query| query.matches()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_frame_becomes_higher_than_it_may() {
        for (said, pixels_high) in
            [(300.4, 300), (0.0, 40), (-5.0, 40), (1e9, 10_000), (f64::INFINITY, 10_000), (f64::NAN, 0)]
        {
            assert_eq!(pixels(said), pixels_high, "{said}");
        }
    }
}
