//! Runnel's addresses, for the server and for the page.

use std::fmt;

use crate::chat::ConversationId;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    NewChat,
    Chat(ConversationId),
    Settings,
    NotFound,
}

impl Route {
    /// Where `path` leads. A slash at its end, and what stands behind `?` or `#`, make no difference.
    #[must_use]
    pub fn parse(path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        match path.strip_suffix('/').unwrap_or(path) {
            "" => Self::NewChat,
            "/settings" => Self::Settings,
            path => {
                path.strip_prefix("/c/").and_then(|id| id.parse().ok()).map_or(Self::NotFound, Self::Chat)
            }
        }
    }

    /// The path that leads here. [`Route::NotFound`] has none of its own: it is the new chat's.
    #[must_use]
    pub fn path(self) -> String {
        self.to_string()
    }
}

/// The path.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewChat | Self::NotFound => f.write_str("/"),
            Self::Settings => f.write_str("/settings"),
            Self::Chat(id) => write!(f, "/c/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_it_came_from() {
        for route in [Route::NewChat, Route::Settings, Route::Chat(ConversationId::now())] {
            assert_eq!(Route::parse(&route.path()), route);
        }
    }

    #[test]
    fn a_slash_at_the_end_and_what_follows_the_path_make_no_difference() {
        for route in [Route::NewChat, Route::Settings, Route::Chat(ConversationId::now())] {
            let path = route.path();
            let with_slash = format!("{}/", path.trim_end_matches('/'));
            for path in [path, with_slash] {
                for behind in ["", "?", "?q=1", "#", "#place", "?q=/c/#/settings"] {
                    assert_eq!(Route::parse(&format!("{path}{behind}")), route, "{path}{behind}");
                }
            }
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in
            ["//", "/c", "/c/", "/c/x", "/settings//", "/settings/x", "/Settings", "settings", "//settings"]
        {
            assert_eq!(Route::parse(path), Route::NotFound, "{path}");
        }
    }
}
