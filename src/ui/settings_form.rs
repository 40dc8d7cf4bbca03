//! What is set for a chat's next question, or for new chats: model, system prompt, temperature, longest answer.

use leptos::prelude::*;

use super::chats::{Chat, Chats};
use super::remote;
use super::stats::{decimal, rounded, thousands};
use crate::api::models::list_models;
use crate::api::page::ServerInfo;
use crate::html::Html;
use crate::models::ModelInfo;
use crate::settings::{Field, TypedSettings};

#[component]
pub fn SettingsForm(
    /// The chat whose settings these are; those for new chats without one.
    chat: Option<Chat>,
) -> impl IntoView {
    let chats = expect_context::<Chats>();
    let server = expect_context::<ServerInfo>();
    let rule = server.model_rule;
    let settings = move || chats.settings_of(chat);
    let change = move |change: &dyn Fn(&mut TypedSettings)| chats.change_settings(chat, change);
    let error = move |field: Field| {
        let errors = settings().read(rule).err().unwrap_or_default();
        errors.into_iter().find(|error| error.field == field).map(|error| error.message)
    };
    let default_model = server.default_model.unwrap_or_default();
    view! {
        <fieldset class="settings-form" inert=!crate::IS_BROWSER>
            <legend>{if chat.is_some() { "For this chat" } else { "For new chats" }}</legend>
            <Labelled label="Model" id="model" error=Signal::derive(move || error(Field::Model))>
                <input
                    id="model"
                    list="models"
                    autocomplete="off"
                    spellcheck="false"
                    placeholder=default_model
                    aria-describedby="model-error"
                    aria-invalid=move || error(Field::Model).is_some().to_string()
                    prop:value=move || settings().model
                    on:input:target=move |event| change(&|typed| typed.model = event.target().value())
                />
            </Labelled>
            <Models />
            <Labelled label="System prompt" id="system-prompt" error=Signal::stored(None)>
                <textarea
                    id="system-prompt"
                    rows="3"
                    placeholder="Instructions for the model"
                    aria-describedby="system-prompt-error"
                    prop:value=move || settings().system_prompt
                    on:input:target=move |event| change(&|typed| typed.system_prompt = event.target().value())
                ></textarea>
            </Labelled>
            <div class="side-by-side">
                <Labelled label="Temperature" id="temperature" error=Signal::derive(move || error(Field::Temperature))>
                    <input
                        id="temperature"
                        inputmode="decimal"
                        autocomplete="off"
                        placeholder="Model default"
                        aria-describedby="temperature-error"
                        aria-invalid=move || error(Field::Temperature).is_some().to_string()
                        prop:value=move || settings().temperature
                        on:input:target=move |event| change(&|typed| typed.temperature = event.target().value())
                    />
                </Labelled>
                <Labelled label="Max tokens" id="max-tokens" error=Signal::derive(move || error(Field::MaxTokens))>
                    <input
                        id="max-tokens"
                        inputmode="numeric"
                        autocomplete="off"
                        placeholder="Model default"
                        aria-describedby="max-tokens-error"
                        aria-invalid=move || error(Field::MaxTokens).is_some().to_string()
                        prop:value=move || settings().max_tokens
                        on:input:target=move |event| change(&|typed| typed.max_tokens = event.target().value())
                    />
                </Labelled>
            </div>
        </fieldset>
    }
}

/// A field with its name above it, and beneath it what is wrong.
#[component]
fn Labelled(
    label: &'static str,
    id: &'static str,
    error: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="labelled">
            <label for=id>{label}</label>
            {children()}
            <p class="field-error" id=format!("{id}-error") aria-live="polite">
                {move || error.get()}
            </p>
        </div>
    }
}

/// The upstream's models, for choosing while typing. Without the list, which it says, a name can be typed all the same.
#[component]
fn Models() -> impl IntoView {
    let options = remote::ask(|| async {
        let mut html = Html::default();
        for model in list_models().await? {
            html.markup("<option").attribute("value", &model.id).markup(">");
            html.text(&describe(&model)).markup("</option>");
        }
        Ok(html.into_string())
    });
    let list = move || options.with(|options| options.loaded().cloned()).unwrap_or_default();
    let failure = move || {
        options.with(|options| options.failure("There is no list of models now. Type a model’s name."))
    };
    view! {
        <datalist id="models" inner_html=list></datalist>
        <p class="field-error" role="status">
            {failure}
        </p>
    }
}

/// Prices are given for a million tokens, as everywhere.
fn describe(model: &ModelInfo) -> String {
    let mut parts = vec![model.name.clone()];
    parts.extend(model.context_length.map(|length| format!("{} tokens of context", thousands(length))));
    parts.extend(model.price.map(|price| {
        if price.prompt == 0.0 && price.completion == 0.0 {
            "free".to_owned()
        } else {
            format!(
                "${} in, ${} out per million tokens",
                a_million(price.prompt),
                a_million(price.completion)
            )
        }
    }));
    parts.join(" · ")
}

fn a_million(price: f64) -> String {
    decimal(rounded(price * 1e8), 2)
}
