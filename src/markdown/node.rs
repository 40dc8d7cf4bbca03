//! What a Markdown text says, as a tree: meaning, not yet looks. [`super::page`] writes it as HTML.

/// A text, or an element around others.
///
/// Two texts never stand side by side, and no text is empty: each node is one node of the page as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Element(Element),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub tag: Tag,
    pub children: Vec<Node>,
}

/// What an element is. Addresses are as the text has them: what may be opened is decided where they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    Paragraph,
    /// 1 to 6.
    Heading(u8),
    Quote,
    Alert(Alert),
    /// `is_loose` if blank lines stand between or within its items: nothing looks different then, since what has been
    /// read would move.
    List {
        start: Option<u64>,
        is_loose: bool,
    },
    /// Holds blocks alone, and a [`Tag::Task`] before them.
    Item,
    /// A box, ticked or not; empty.
    Task {
        is_done: bool,
    },
    /// Holds [`Tag::CodeLine`]s alone.
    CodeBlock {
        /// The first word of a fence's info string, as written; empty if there is none.
        language: String,
        /// Indented code, which has no fence.
        is_indented: bool,
    },
    /// Texts and [`Tag::Token`]s, the line's end included.
    CodeLine,
    /// Holds a [`Tag::TableHead`] and a [`Tag::TableBody`].
    Table,
    /// Holds [`Tag::HeaderCell`]s.
    TableHead,
    /// Holds [`Tag::TableRow`]s.
    TableBody,
    TableRow,
    HeaderCell(Align),
    Cell(Align),
    /// A footnote's text. The number is that of its first mention.
    Footnote {
        number: u32,
    },
    /// A line between parts; empty.
    Rule,
    /// Raw HTML between blocks, which is shown as the text it is.
    HtmlBlock,
    /// A formula; holds one text, its LaTeX source.
    Math {
        is_display: bool,
        /// The same, while its end is still awaited: shown as source.
        is_open: bool,
    },

    Emphasis,
    Strong,
    Strike,
    Code,
    Link {
        url: String,
        title: String,
    },
    /// A link whose address is still on its way.
    OpenLink,
    /// Holds its description.
    Image {
        url: String,
        title: String,
    },
    /// A picture whose address is still on its way.
    OpenImage,
    /// A mention of a footnote; empty.
    FootnoteMark {
        number: u32,
    },
    /// Raw HTML within a text, which is shown as the text it is.
    Html,
    /// A line break that was asked for; empty.
    Break,
    /// A part of code in a colour of its own.
    Token(Token),
}

/// The kinds of `> [!NOTE]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    Note,
    Tip,
    Important,
    Warning,
    Caution,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    #[default]
    None,
    Left,
    Center,
    Right,
}

/// What a part of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Keyword,
    Type,
    Function,
    String,
    Number,
    Comment,
    /// A constant of the language, such as `true`, or an escape in a string.
    Constant,
    /// A key, an attribute or a variable with a sigil.
    Name,
    /// A line that a patch adds.
    Added,
    /// A line that a patch takes away.
    Removed,
}

impl Node {
    pub fn element(tag: Tag, children: Vec<Self>) -> Self {
        Self::Element(Element { tag, children })
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}
