//! What a button of an answer does: the one vocabulary of what writes such a button (`markdown::page` and the page) and
//! of what hears a click on it (`renderer::actions`).
//!
//! A button names its action in its attribute [`DO`].

/// The attribute that names an [`Action`].
pub const DO: &str = "data-do";
/// The attribute that names what is done with an element as soon as it stands in the page.
pub const DO_LOAD: &str = "data-do-load";
/// In [`DO_LOAD`]: the picture in the element's address is shown.
pub const DATA_PICTURE: &str = "data-picture";

/// What a click on a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copies a block of code.
    CopyCode,
    /// Wraps the long lines of a block of code, or no longer.
    WrapCode,
    /// Saves a block of code as a file.
    DownloadCode,
    /// Shows a block of code as the diagram that it describes, or as code again.
    ShowDiagram,
    /// Copies a table as comma-separated values.
    CopyCsv,
    /// Copies a table as Markdown.
    CopyTable,
    /// Copies a formula as LaTeX.
    CopyTex,
    /// Copies an answer as rich text.
    CopyRich,
    /// Goes to a footnote.
    Footnote,
    /// Loads a picture from elsewhere.
    ShowPicture,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::CopyCode,
        Self::WrapCode,
        Self::DownloadCode,
        Self::ShowDiagram,
        Self::CopyCsv,
        Self::CopyTable,
        Self::CopyTex,
        Self::CopyRich,
        Self::Footnote,
        Self::ShowPicture,
    ];

    /// What a button's [`DO`] says.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CopyCode => "copy-code",
            Self::WrapCode => "wrap-code",
            Self::DownloadCode => "download-code",
            Self::ShowDiagram => "show-diagram",
            Self::CopyCsv => "copy-csv",
            Self::CopyTable => "copy-table",
            Self::CopyTex => "copy-tex",
            Self::CopyRich => "copy-rich",
            Self::Footnote => "footnote",
            Self::ShowPicture => "show-picture",
        }
    }

    /// The action of this name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_known_by_its_name_and_by_no_other() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.name()), Some(action));
        }
        for unknown in ["", "copy", "Copy-code", "copy-code ", "data-picture"] {
            assert_eq!(Action::parse(unknown), None, "{unknown:?}");
        }
    }

    /// The compiler asks for an arm here when there is another action, and the arm's number for its place in `ALL`.
    #[test]
    fn all_actions_are_in_the_list_of_all() {
        let place = |action| match action {
            Action::CopyCode => 0,
            Action::WrapCode => 1,
            Action::DownloadCode => 2,
            Action::ShowDiagram => 3,
            Action::CopyCsv => 4,
            Action::CopyTable => 5,
            Action::CopyTex => 6,
            Action::CopyRich => 7,
            Action::Footnote => 8,
            Action::ShowPicture => 9,
        };
        assert!(Action::ALL.into_iter().map(place).eq(0..Action::ALL.len()));
    }
}
