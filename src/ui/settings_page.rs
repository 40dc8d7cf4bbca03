//! The settings: of this browser on their page, of a chat in its panel.

use leptos::prelude::*;

use super::browser;
use super::chats::Chat;
use super::settings_form::SettingsForm;
use super::spending::{SpendingByDay, SpendingOfChat};
use crate::api::page::ServerInfo;

#[component]
pub fn SettingsPage() -> impl IntoView {
    Effect::new(|| browser::set_title("Settings · Runnel"));
    view! {
        <main class="page settings-page">
            <h1>"Settings"</h1>
            <Choice
                name="theme"
                legend="Theme"
                options=&[("", "Match system"), ("light", "Light"), ("dark", "Dark")]
            />
            <Choice name="face" legend="Reading font" options=&[("", "Sans serif"), ("serif", "Serif")] />
            <SettingsForm chat=None />
            <SpendingByDay />
            <AboutServer />
        </main>
    }
}

/// What is set for a chat, and what it has cost.
#[component]
pub fn SettingsPanel(chat: Chat) -> impl IntoView {
    view! {
        <SettingsForm chat=Some(chat) />
        <SpendingOfChat chat />
    }
}

/// One of a few, kept in this browser and applied at once.
#[component]
fn Choice(
    name: &'static str,
    legend: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let chosen = RwSignal::new(String::new());
    Effect::new(move || chosen.set(browser::stored(&format!("runnel-{name}")).unwrap_or_default()));
    let choose = move |value: &'static str| {
        chosen.set(value.to_owned());
        browser::store(&format!("runnel-{name}"), value);
        browser::set_document_data(name, value);
    };
    let radios = options.iter().map(|&(value, label)| {
        view! {
            <label class="radio">
                <input
                    type="radio"
                    name=name
                    value=value
                    prop:checked=move || chosen.get() == value
                    on:change=move |_| choose(value)
                />
                <span>{label}</span>
            </label>
        }
    });
    view! {
        <fieldset class="choice" inert=!crate::IS_BROWSER>
            <legend>{legend}</legend>
            {radios.collect_view()}
        </fieldset>
    }
}

#[component]
fn AboutServer() -> impl IntoView {
    let server = expect_context::<ServerInfo>();
    let upstream = if server.is_demo { "Runnel’s own demo".to_owned() } else { server.upstream };
    view! { <p class="about">{format!("Runnel {}, answers from {upstream}.", server.version)}</p> }
}
