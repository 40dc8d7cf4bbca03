//! Models: their names and what a person needs to know to choose one.

use serde::{Deserialize, Serialize};

/// The name of a model, as it is sent upstream.
///
/// OpenRouter's have the form `vendor/name[:variant]`; other servers name theirs as they like. Which rule
/// applies is known only where the upstream is known, so a value of this type has passed one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(String);

/// What an upstream accepts as the name of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRule {
    /// `vendor/name[:variant]`, `~vendor/name` or `@preset/name` (wire reference, section 4).
    VendorPrefixed,
    /// Any name without blanks.
    #[default]
    FreeForm,
}

/// Why a text is not the name of a model. The message says what to type instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelIdError {
    #[error("Choose a model.")]
    Empty,
    #[error("A model's name has at most {max} characters.", max = ModelId::MAX_LENGTH)]
    TooLong,
    #[error("A model's name has no blanks or control characters.")]
    Blank,
    #[error("\u{201c}{0}\u{201d} lacks its vendor: write it as vendor/name, such as openai/gpt-4o-mini.")]
    NoVendor(String),
}

impl ModelId {
    /// Longer than any name in use, short enough for a log line.
    pub const MAX_LENGTH: usize = 256;

    /// Reads a model's name.
    ///
    /// # Errors
    /// [`ModelIdError`] says what is wrong with it.
    pub fn parse(text: &str, rule: ModelRule) -> Result<Self, ModelIdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ModelIdError::Empty);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(ModelIdError::TooLong);
        }
        if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(ModelIdError::Blank);
        }
        if rule == ModelRule::VendorPrefixed && !has_vendor(text) {
            return Err(ModelIdError::NoVendor(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn has_vendor(text: &str) -> bool {
    text.split_once('/').is_some_and(|(vendor, name)| {
        let name = name.split(':').next().unwrap_or_default();
        !vendor.is_empty() && !name.is_empty() && !vendor.contains(':') && !name.contains('/')
    })
}

/// What the upstream's list says of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// US dollars a token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    pub prompt: f64,
    pub completion: f64,
}

/// Providers that work on, and charge for it, after the connection is closed (wire reference, section 5). In lower
/// case and without blanks, as providers are written in more than one way.
const BILL_AFTER_STOP: [&str; 24] = [
    "amazonbedrock",
    "awsbedrock",
    "groq",
    "modal",
    "google",
    "googleaistudio",
    "minimax",
    "huggingface",
    "replicate",
    "perplexity",
    "mistral",
    "ai21",
    "featherless",
    "lynn",
    "lambda",
    "reflection",
    "sambanova",
    "inflection",
    "01.ai",
    "zerooneai",
    "aionlabs",
    "alibaba",
    "nebius",
    "targon",
];

/// True if a stop does not end the provider's work, nor its bill.
#[must_use]
pub fn bills_after_stop(provider: &str) -> bool {
    let name = provider.to_ascii_lowercase().replace(' ', "");
    BILL_AFTER_STOP.contains(&name.as_str())
        || ["kluster", "inferencenet"].iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openrouter(text: &str) -> Result<ModelId, ModelIdError> {
        ModelId::parse(text, ModelRule::VendorPrefixed)
    }

    #[test]
    fn openrouters_names_have_a_vendor() {
        for good in [
            "openai/gpt-4o-mini",
            "nvidia/nemotron-3:free",
            "~anthropic/claude-latest",
            "@preset/my-preset",
            "openrouter/auto",
        ] {
            assert_eq!(openrouter(good).unwrap().as_str(), good);
        }
        for bad in ["gpt-4o", "/gpt-4o", "openai/", "openai/:free", "a/b/c", "x:y/z"] {
            assert_eq!(openrouter(bad), Err(ModelIdError::NoVendor(bad.into())), "{bad}");
        }
    }

    #[test]
    fn other_servers_name_models_as_they_like() {
        for good in ["llama3.2:3b", "/models/Qwen3-8B.gguf", "a/b/c"] {
            assert_eq!(ModelId::parse(good, ModelRule::FreeForm).unwrap().as_str(), good);
        }
    }

    #[test]
    fn blanks_and_control_characters_are_refused() {
        assert_eq!(openrouter("  "), Err(ModelIdError::Empty));
        assert_eq!(openrouter("openai/gpt 4"), Err(ModelIdError::Blank));
        assert_eq!(openrouter("openai/gpt\n-4"), Err(ModelIdError::Blank));
        assert_eq!(openrouter(&format!("a/{}", "b".repeat(256))), Err(ModelIdError::TooLong));
        assert_eq!(openrouter(" openai/gpt-4 ").unwrap().as_str(), "openai/gpt-4");
    }

    #[test]
    fn providers_are_known_however_they_are_written() {
        for provider in
            ["Amazon Bedrock", "Google", "Google AI Studio", "SambaNova", "Kluster.ai", "inference.net"]
        {
            assert_eq!(bills_after_stop(provider), provider != "inference.net", "{provider}");
        }
        assert!(!bills_after_stop("DeepInfra") && !bills_after_stop("Demo"));
    }
}
