//! From what was said to what is asked upstream.

use crate::chat::{Answer, Question};
use crate::models::ModelId;
use crate::server::openrouter::AnswerRequest;
use crate::settings::Settings;

/// What is said to a model whose answer broke off. Providers differ in whether they go on from an unfinished turn
/// of the model's own; being asked, all of them do.
const GO_ON: &str = "Your answer broke off here. Go on from exactly where it stopped, in the middle of the word if \
                     need be. Repeat nothing, and say nothing about the break.";

/// The request for an answer to `text`, after `history` (oldest first); or for the rest of it, after `begun`.
///
/// An answer without text (it failed, or only refused) is left out: a model that sees an empty turn of its own
/// tends to write another.
pub fn request(
    model: &ModelId,
    history: &[(Question, Answer)],
    text: &str,
    begun: &str,
    settings: &Settings,
) -> AnswerRequest {
    let mut request = AnswerRequest::new(model.as_str());
    let system_prompt = settings.system_prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
    if let Some(system_prompt) = system_prompt {
        request = request.system(system_prompt);
    }
    for (question, answer) in history {
        request = request.user(&question.text);
        if !answer.text.is_empty() {
            request = request.assistant(&answer.text);
        }
    }
    request.settings = settings.clone();
    request = request.user(text);
    if begun.is_empty() { request } else { request.assistant(begun).user(GO_ON) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AnswerId, QuestionId};
    use crate::models::ModelRule;

    fn turn(question: &str, answer: &str) -> (Question, Answer) {
        let question = Question { id: QuestionId::now(), after: None, text: question.into(), asked_ms: 0 };
        let mut told = Answer::new(AnswerId::now(), question.id, "m");
        told.text = answer.into();
        (question, told)
    }

    fn messages(history: &[(Question, Answer)], system_prompt: Option<&str>) -> String {
        let model = ModelId::parse("demo/plain", ModelRule::VendorPrefixed).unwrap();
        let settings = Settings { system_prompt: system_prompt.map(str::to_owned), ..Settings::default() };
        serde_json::to_string(&request(&model, history, "now", "", &settings).messages).unwrap()
    }

    #[test]
    fn the_history_stands_between_the_system_prompt_and_the_question() {
        assert_eq!(
            messages(&[turn("one", "first"), turn("two", "")], Some(" Be brief. ")),
            r#"[{"role":"system","content":"Be brief."},{"role":"user","content":"one"},{"role":"assistant","content":"first"},{"role":"user","content":"two"},{"role":"user","content":"now"}]"#
        );
    }

    #[test]
    fn an_answer_that_goes_on_is_asked_for_after_its_beginning() {
        let model = ModelId::parse("demo/plain", ModelRule::VendorPrefixed).unwrap();
        let request = request(&model, &[], "now", "Once upon", &Settings::default());
        let json = serde_json::to_string(&request.messages).unwrap();
        assert!(
            json.contains(r#"{"role":"assistant","content":"Once upon"},{"role":"user","content":"Your"#)
        );
    }

    #[test]
    fn a_blank_system_prompt_is_not_sent() {
        assert_eq!(messages(&[], Some("  ")), r#"[{"role":"user","content":"now"}]"#);
    }
}
