//! What answers cost together: in one chat, and day by day.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::chats::Chat;
use super::stats::{count_of, dollars, thousands};
use crate::api::conversations::{spending_by_day, spending_of_conversation};
use crate::conversation_list::Spending;
use crate::html::Html;

/// One line about a chat.
#[component]
pub fn SpendingOfChat(chat: Chat) -> impl IntoView {
    let line = RwSignal::new(String::new());
    Effect::new(move || {
        spawn_local(async move {
            if let Ok(spending) = spending_of_conversation(chat.id).await
                && spending.answers > 0
            {
                line.try_set(format!("This chat: {}", words(&spending)));
            }
        });
    });
    view! { <p class="spending">{move || Some(line.get())}</p> }
}

/// A line a day.
#[component]
pub fn SpendingByDay() -> impl IntoView {
    let table = RwSignal::new(String::new());
    Effect::new(move || {
        spawn_local(async move {
            let days = spending_by_day().await.unwrap_or_default();
            let mut html = Html::default();
            for day in &days {
                html.markup("<div><dt>").text(&day.day).markup("</dt><dd>").text(&words(&day.spending));
                html.markup("</dd></div>");
            }
            table.try_set(html.into_string());
        });
    });
    view! {
        <section class="spending-by-day" hidden=move || table.with(String::is_empty)>
            <h2>"Spending"</h2>
            <p class="about">"Per day (UTC)"</p>
            <dl inner_html=move || table.get()></dl>
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
