//! `reasoning_details`, which come in pieces. Those of one text are joined, as OpenRouter wants them back with the next
//! question (wire reference, section 10). The signature of a text may come after the answer.

use serde_json::Value;

use crate::chat::RawJson;

/// What comes beyond is left out: an answer may not be larger either, by default.
const LARGEST_BYTES: usize = 16 << 20;
/// The fields that are written piece by piece.
const GROWING: [&str; 2] = ["text", "summary"];

/// The details of one answer's reasoning.
#[derive(Debug, Default)]
pub struct ReasoningDetails {
    /// More of it may come.
    open: Option<Value>,
    complete: Vec<RawJson>,
    bytes: usize,
}

impl ReasoningDetails {
    /// Takes the next piece.
    pub fn add(&mut self, piece: &Value) {
        self.bytes += piece.to_string().len();
        if self.bytes > LARGEST_BYTES || !piece.is_object() {
            return;
        }
        match &mut self.open {
            Some(open) if is_one_text(open, piece) => join(open, piece),
            _ => {
                self.end();
                self.open = Some(piece.clone());
            }
        }
    }

    /// Nothing is added to what came so far.
    pub fn end(&mut self) {
        self.complete.extend(self.open.take().as_ref().map(RawJson::from));
    }

    /// Those that are complete, each of them once.
    pub fn take(&mut self) -> Vec<RawJson> {
        std::mem::take(&mut self.complete)
    }
}

fn is_one_text(open: &Value, piece: &Value) -> bool {
    let is_text = matches!(open["type"].as_str(), Some("reasoning.text" | "reasoning.summary"));
    let same = |field: &str| open[field].is_null() || piece[field].is_null() || open[field] == piece[field];
    is_text
        && open["type"] == piece["type"]
        && open["index"] == piece["index"]
        && same("id")
        && same("signature")
}

fn join(open: &mut Value, piece: &Value) {
    for (name, value) in piece.as_object().into_iter().flatten() {
        match (&mut open[name.as_str()], value) {
            (Value::String(text), Value::String(more)) if GROWING.contains(&name.as_str()) => {
                text.push_str(more);
            }
            (known, value) if known.is_null() => *known = value.clone(),
            _ => {}
        }
    }
}
