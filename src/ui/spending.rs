//! What answers cost together: in one chat, and day by day.

use leptos::prelude::*;

use super::chats::Chat;
use super::remote;
use super::stats::{count_of, dollars, thousands};
use crate::api::conversations::{spending_by_day, spending_of_conversation};
use crate::conversation_list::Spending;
use crate::html::Html;

/// One line about a chat.
#[component]
pub fn SpendingOfChat(chat: Chat) -> impl IntoView {
    let line = remote::ask(move || async move {
        let spending = spending_of_conversation(chat.id).await?;
        let is_any = spending.answers > 0;
        Ok(if is_any { format!("This chat: {}", words(&spending)) } else { String::new() })
    });
    let words = move || {
        line.with(|line| {
            line.loaded().cloned().or_else(|| line.failure("What this chat has cost cannot be shown."))
        })
    };
    view! { <p class="spending">{words}</p> }
}

/// A line a day.
#[component]
pub fn SpendingByDay() -> impl IntoView {
    let table = remote::ask(|| async {
        let mut html = Html::default();
        for day in &spending_by_day().await? {
            html.markup("<div><dt>").text(&day.day).markup("</dt><dd>").text(&words(&day.spending));
            html.markup("</dd></div>");
        }
        Ok(html.into_string())
    });
    let rows = move || table.with(|table| table.loaded().cloned()).unwrap_or_default();
    let failure = move || table.with(|table| table.failure("What answers have cost cannot be shown."));
    view! {
        <section class="spending-by-day" hidden=move || rows().is_empty() && failure().is_none()>
            <h2>"Spending"</h2>
            <p class="about">"Per day (UTC)"</p>
            <dl inner_html=rows></dl>
            <p class="field-error" role="status">
                {failure}
            </p>
        </section>
    }
}

fn words(spending: &Spending) -> String {
    let words = format!(
        "{} for {}, {} in, {} out",
        dollars(spending.cost),
        count_of(spending.answers, "answer"),
        count_of(spending.prompt_tokens, "token"),
        thousands(spending.completion_tokens)
    );
    match spending.open_bills {
        0 => words,
        open => format!("{words}; cost pending for {}", thousands(open)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_bills_are_said() {
        let mut spending =
            Spending { cost: 0.0123, prompt_tokens: 10, completion_tokens: 20, answers: 1, open_bills: 0 };
        assert_eq!(words(&spending), "$0.012 for 1 answer, 10 tokens in, 20 out");
        (spending.answers, spending.open_bills) = (3, 2);
        assert!(words(&spending).ends_with("for 3 answers, 10 tokens in, 20 out; cost pending for 2"));
    }
}
