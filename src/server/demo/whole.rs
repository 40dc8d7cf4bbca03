//! An answer that is not streamed: the same play, gathered into one JSON object (wire reference, section 3.3).

use serde_json::{Map, Value, json};

use super::{
    play::{Act, Play},
    playback::Playback,
    wire::{Finish, PROVIDER, Stamp, Usage},
};

/// Fields that name something; all other strings of a delta are fragments to be joined.
const NAMES: [&str; 5] = ["role", "type", "format", "id", "name"];

/// The one JSON object, and what it cost.
pub struct Whole {
    pub json: Value,
    pub usage: Usage,
    pub finish: Option<Finish>,
}

/// Plays everything that matters to the content. A play that falls silent never returns; one that breaks its
/// connection gives `None`.
pub async fn gather(play: Play, stamp: &Stamp, mut playback: Playback) -> Option<Whole> {
    let mut message = json!({"role": "assistant", "content": "", "refusal": null, "reasoning": null});
    let mut error = None;
    for act in play.acts {
        match act {
            Act::Say { text, shape } => merge(&mut message, shape(&text)),
            Act::Delta(delta) => merge(&mut message, delta),
            Act::Chunk(chunk) => error = error.or_else(|| error_of(&chunk)),
            Act::Event(data) => error = error.or_else(|| error_of(&serde_json::from_str(&data).ok()?)),
            Act::Comments(Some(time)) => tokio::time::sleep(time).await,
            Act::Comments(None) | Act::Silence => std::future::pending().await,
            Act::Die => return None,
            Act::Bytes { .. } | Act::Finish(_) | Act::Done => {}
        }
    }
    // What is left of the pace does not matter here, only the token counts do.
    playback.by_ref().for_each(drop);
    let (usage, finish) = (playback.usage(), playback.finish());
    let json = match error {
        Some(error) if message["content"] == "" => json!({"error": error, "user_id": "user_demo"}),
        Some(error) => failed(stamp, &message, &error),
        None => complete(stamp, &message, finish, &usage),
    };
    Some(Whole { json, usage, finish })
}

fn complete(stamp: &Stamp, message: &Value, finish: Option<Finish>, usage: &Usage) -> Value {
    let choice = json!({
        "index": 0,
        "message": message,
        "finish_reason": finish.map(|finish| finish.reason),
        "native_finish_reason": finish.map(|finish| finish.native),
        "logprobs": null,
    });
    json!({
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created,
        "model": stamp.model,
        "provider": PROVIDER,
        "choices": [choice],
        "usage": usage.json(stamp.era),
    })
}

fn failed(stamp: &Stamp, message: &Value, error: &Value) -> Value {
    let choice = json!({"index": 0, "message": message, "finish_reason": "error", "error": error});
    json!({"id": stamp.id, "object": "chat.completion", "model": stamp.model, "choices": [choice]})
}

fn error_of(chunk: &Value) -> Option<Value> {
    let error =
        [&chunk["error"], &chunk["choices"][0]["error"]].into_iter().find(|error| !error.is_null())?;
    Some(error.clone())
}

/// Adds a delta to what came before: fragments are joined, entries with the same `index` are one entry.
fn merge(whole: &mut Value, delta: Value) {
    match (whole, delta) {
        (Value::Object(whole), Value::Object(delta)) => merge_fields(whole, delta),
        (Value::Array(whole), Value::Array(delta)) => {
            for entry in delta {
                let same = |known: &&mut Value| !entry["index"].is_null() && known["index"] == entry["index"];
                match whole.iter_mut().find(same) {
                    Some(known) => merge(known, entry),
                    None => whole.push(entry),
                }
            }
        }
        (Value::String(whole), Value::String(delta)) => whole.push_str(&delta),
        (_, Value::Null) => {}
        (whole, delta) => *whole = delta,
    }
}

fn merge_fields(whole: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (name, value) in delta {
        match whole.get_mut(&name) {
            Some(known) if !NAMES.contains(&name.as_str()) => merge(known, value),
            _ => {
                whole.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_of_a_tool_call_become_one() {
        let mut message = json!({"role": "assistant", "content": ""});
        for arguments in ["", "{\"city\":", "\"Bern\"}"] {
            let call = json!({"index": 0, "type": "function", "function": {"arguments": arguments}});
            merge(&mut message, json!({"content": null, "tool_calls": [call]}));
        }
        let function = &message["tool_calls"][0]["function"];
        assert_eq!(function["arguments"], "{\"city\":\"Bern\"}");
        assert_eq!(
            (&message["content"], &message["tool_calls"][0]["type"]),
            (&json!(""), &json!("function"))
        );
    }
}
