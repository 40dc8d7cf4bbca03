//! What a person can set for a chat, and within which bounds.

use serde::{Deserialize, Serialize};

use crate::models::{ModelId, ModelRule};

/// A number within bounds, read once where it enters: from JSON or from a field of the page.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($number:ty), $label:literal, $min:literal ..= $max:literal, $bounds:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64")]
        pub struct $name($number);

        impl $name {
            pub const MIN: $number = $min;
            pub const MAX: $number = $max;

            #[must_use]
            pub const fn get(self) -> $number {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfBounds;

            #[expect(clippy::allow_attributes, reason = "one macro serves a float and an integer")]
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_lossless,
                clippy::float_cmp,
                trivial_numeric_casts,
                reason = "the value is within the bounds, and a fraction is refused by the comparison"
            )]
            fn try_from(value: f64) -> Result<Self, OutOfBounds> {
                let within = value >= $min as f64 && value <= $max as f64;
                if !within || (value as $number) as f64 != value {
                    return Err(OutOfBounds { label: $label, bounds: $bounds });
                }
                Ok(Self(value as $number))
            }
        }

        impl std::str::FromStr for $name {
            type Err = OutOfBounds;

            fn from_str(text: &str) -> Result<Self, OutOfBounds> {
                text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
            }
        }
    };
}

/// A number that is not within its bounds. The message says what would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label} must be a {bounds}.")]
pub struct OutOfBounds {
    pub label: &'static str,
    pub bounds: &'static str,
}

bounded!(
    /// How freely the model chooses its words.
    Temperature(f64), "Temperature", 0.0..=2.0, "number from 0 to 2"
);
bounded!(
    /// The share of likely words that the model chooses from.
    TopP(f64), "Top P", 0.0..=1.0, "number from 0 to 1"
);
bounded!(
    /// The longest answer, in tokens. Some providers write at least 16 (wire reference, section 1.2).
    MaxTokens(u32), "Max tokens", 1..=1_000_000, "whole number from 1 to 1,000,000"
);

/// How long a model thinks before it answers (wire reference, section 1.2, Reasoning).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// Which providers OpenRouter may use (wire reference, section 1.2, Routing). Left out where not set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderPreferences {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_fallbacks: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_parameters: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_collection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zdr: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantizations: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
}

/// How a question is to be answered. What is not set is left to the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// As typed; checked against the upstream's rule when it is used. `None`: the server's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tried in this order when the model cannot answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback_models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<TopP>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<MaxTokens>,
    /// Texts at which the model stops writing; at most 4 are sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderPreferences>,
}

/// The settings as a person typed them, field by field. An empty field is not set. A chat keeps its own in this form,
/// so that what cannot be used yet is kept too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypedSettings {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_prompt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub temperature: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_tokens: String,
}

/// What was sent with a question, as it would be typed. What has no field is left out.
impl From<&Settings> for TypedSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            model: settings.model.clone().unwrap_or_default(),
            system_prompt: settings.system_prompt.clone().unwrap_or_default(),
            temperature: settings.temperature.map(|number| number.get().to_string()).unwrap_or_default(),
            max_tokens: settings.max_tokens.map(|number| number.get().to_string()).unwrap_or_default(),
        }
    }
}

/// A field of [`TypedSettings`] that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: Field,
    pub message: String,
}

/// A field of [`TypedSettings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Model,
    Temperature,
    MaxTokens,
}

impl TypedSettings {
    /// How many bytes all fields have together.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.model.len() + self.system_prompt.len() + self.temperature.len() + self.max_tokens.len()
    }

    /// Reads all fields.
    ///
    /// # Errors
    /// Every field that cannot be used.
    pub fn read(&self, rule: ModelRule) -> Result<Settings, Vec<FieldError>> {
        let mut errors = Vec::new();
        let model = self.model.trim();
        if !model.is_empty()
            && let Err(error) = ModelId::parse(model, rule)
        {
            errors.push(FieldError { field: Field::Model, message: error.to_string() });
        }
        let temperature = read_field(&self.temperature, Field::Temperature, &mut errors);
        let max_tokens = read_field(&self.max_tokens, Field::MaxTokens, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Settings {
            model: typed(model),
            system_prompt: typed(&self.system_prompt),
            temperature,
            max_tokens,
            ..Settings::default()
        })
    }
}

fn read_field<T: std::str::FromStr<Err = OutOfBounds>>(
    text: &str,
    field: Field,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    if text.trim().is_empty() {
        return None;
    }
    text.parse()
        .map_err(|error: OutOfBounds| errors.push(FieldError { field, message: error.to_string() }))
        .ok()
}

fn typed(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_are_not_set() {
        assert_eq!(TypedSettings::default().read(ModelRule::VendorPrefixed), Ok(Settings::default()));
    }

    #[test]
    fn every_field_that_cannot_be_used_is_named() {
        let typed = TypedSettings {
            model: "gpt-4o".into(),
            temperature: "hot".into(),
            max_tokens: "0".into(),
            ..TypedSettings::default()
        };
        let errors = typed.read(ModelRule::VendorPrefixed).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, [Field::Model, Field::Temperature, Field::MaxTokens]);
        assert!(errors[0].message.contains("vendor/name"), "{}", errors[0].message);
    }

    #[test]
    fn what_was_sent_reads_as_it_was_typed() {
        let typed = TypedSettings {
            model: "vendor/model".into(),
            system_prompt: "Be brief.".into(),
            temperature: "0.7".into(),
            max_tokens: "256".into(),
        };
        let sent = typed.read(ModelRule::VendorPrefixed).unwrap();
        assert_eq!(TypedSettings::from(&sent), typed);
        assert_eq!(TypedSettings::from(&Settings::default()), TypedSettings::default());
        assert_eq!(serde_json::to_string(&TypedSettings::default()).unwrap(), "{}");
    }

    #[test]
    fn a_temperature_is_a_number_from_0_to_2() {
        assert_eq!(serde_json::to_string(&"0.7".parse::<Temperature>().unwrap()).unwrap(), "0.7");
        assert!((1.99..=2.0).contains(&" 2 ".parse::<Temperature>().unwrap().get()));
        for bad in ["-0.1", "2.1", "warm", "", "NaN", "inf"] {
            let error = bad.parse::<Temperature>().unwrap_err();
            assert_eq!(error.to_string(), "Temperature must be a number from 0 to 2.", "{bad}");
        }
    }

    #[test]
    fn max_tokens_is_whole() {
        assert_eq!("256".parse::<MaxTokens>().unwrap().get(), 256);
        for bad in ["0", "1.5", "-1", "1000001", "99999999999999999999"] {
            assert!(bad.parse::<MaxTokens>().is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_out_of_bounds_are_refused_with_the_bounds() {
        let error = serde_json::from_str::<Settings>(r#"{"temperature":9}"#).unwrap_err();
        assert!(error.to_string().contains("Temperature must be a number from 0 to 2."), "{error}");
        let error = serde_json::from_str::<Settings>(r#"{"temprature":1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `temprature`"), "{error}");
    }

    #[test]
    fn settings_not_set_are_not_sent() {
        assert_eq!(serde_json::to_string(&Settings::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }
}
