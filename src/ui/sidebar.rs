//! The sidebar: search, and the chats by date. On a phone it is a drawer.
//!
//! Its list is keyed: each [`Row`] is drawn once and then changed in place, so that what is pressed, typed in or focused
//! stays as it is while there is news of other chats. Every row has its content from one kind of memo ([`Content`]), and
//! every button of the list is made by one function: each kind costs the browser's file a kilobyte.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use uuid::Uuid;

use super::address::Address;
use super::browser;
use super::chats::Chats;
use super::conversation_list::Sidebar;
use super::icons::{self, Icon};
use super::keys::is_submit_key;
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::ConversationId;
use crate::conversation_list::{ConversationChange, ConversationSummary, FoundIn, SearchHit, clean_title};

/// The id of the field for another title.
const NEW_TITLE: &str = "new-title";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[component]
pub fn SidebarView() -> impl IntoView {
    let chats = expect_context::<Chats>();
    let address = expect_context::<Address>();
    chats.keep_current();
    // Whatever is opened from the drawer closes it.
    Effect::new(move || {
        address.track();
        end_renaming(chats);
        chats.sidebar.update(|sidebar| {
            sidebar.is_open &= sidebar.stays_open;
            sidebar.stays_open = false;
        });
        chats.follow_list();
    });
    view! {
        <div class="sidebar-frame" class:open=move || chats.sidebar.with(|sidebar| sidebar.is_open)>
            <nav class="sidebar" id="sidebar" aria-label="Chats">
                <input
                    type="search"
                    id="search"
                    class="search"
                    aria-label="Search chats"
                    placeholder="Search chats"
                    autocomplete="off"
                    inert=!crate::IS_BROWSER
                    on:input:target=move |event| chats.search(event.target().value())
                />
                <div class="chat-list">{list(chats, None)}</div>
            </nav>
            <button
                type="button"
                class="backdrop"
                aria-label="Close the chat list"
                tabindex="-1"
                on:click=move |_| close_drawer(chats)
            ></button>
        </div>
    }
}

/// Opens the drawer; shown on narrow screens alone.
#[component]
pub fn DrawerButton() -> impl IntoView {
    let chats = expect_context::<Chats>();
    let open = move |_| {
        chats.sidebar.update(|sidebar| sidebar.is_open = !sidebar.is_open);
        browser::before_next_frame(|| browser::focus_again("search"));
    };
    view! {
        <button
            type="button"
            id="drawer-button"
            class="button quiet drawer-button"
            aria-label="Chats"
            title="Chats"
            aria-controls="sidebar"
            aria-expanded=move || {
                if chats.sidebar.with(|sidebar| sidebar.is_open) { "true" } else { "false" }
            }
            on:click=open
        >
            <Icon path=icons::LIST />
        </button>
    }
}

pub(super) fn close_drawer(chats: Chats) {
    if chats.sidebar.with_untracked(|sidebar| sidebar.is_open) {
        chats.sidebar.update(|sidebar| sidebar.is_open = false);
        browser::focus_again("drawer-button");
    }
}

/// What a button of the list does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    ListMore,
    ToggleArchived,
    ToggleMenu(ConversationId),
    Rename(ConversationId),
    Pin(ConversationId, bool),
    Archive(ConversationId, bool),
    Delete(ConversationId),
    UndoDelete(ConversationId),
}

fn act(chats: Chats, action: Action) {
    match action {
        Action::ListMore => chats.list_more(),
        Action::ToggleArchived => {
            chats.redraw(|sidebar| sidebar.shows_archived = !sidebar.shows_archived);
        }
        Action::ToggleMenu(id) => toggle_menu(chats, id),
        Action::Rename(id) => begin_renaming(chats, id),
        Action::Pin(id, is_pinned) => {
            close_menu(chats);
            chats.change(id, ConversationChange::Pinned(is_pinned));
        }
        Action::Archive(id, is_archived) => {
            close_menu(chats);
            chats.change(id, ConversationChange::Archived(is_archived));
        }
        Action::Delete(id) => {
            chats.sidebar.update(|sidebar| sidebar.menu = None);
            chats.delete(id);
            browser::before_next_frame(|| browser::focus_again("undo"));
        }
        Action::UndoDelete(id) => chats.undo_delete(id),
    }
}

fn toggle_menu(chats: Chats, id: ConversationId) {
    end_renaming(chats);
    if chats.sidebar.with_untracked(|sidebar| sidebar.menu == Some(id)) {
        close_menu(chats);
    } else {
        chats.sidebar.update(|sidebar| sidebar.menu = Some(id));
        browser::before_next_frame(|| browser::focus_again("menu-first"));
    }
}

/// Closes the menu, or the field for a title: what was typed there is dropped.
pub(super) fn close_menu(chats: Chats) {
    let menu = chats.sidebar.try_update(|sidebar| {
        sidebar.new_title = None;
        sidebar.menu.take()
    });
    if let Some(id) = menu.flatten() {
        browser::before_next_frame(move || browser::focus_again(&format!("more-{id}")));
    }
}

fn begin_renaming(chats: Chats, id: ConversationId) {
    let title = chats.summary(id).map(|known| known.title);
    chats.sidebar.update(|sidebar| sidebar.new_title = title);
    browser::before_next_frame(|| {
        // What somebody types there already would be selected, and lost with the next letter.
        if browser::focused_id().as_deref() != Some(NEW_TITLE) {
            browser::focus_and_select(NEW_TITLE);
        }
    });
}

/// Takes what was typed, and leaves the focus where it is.
fn end_renaming(chats: Chats) {
    if chats.sidebar.with_untracked(|sidebar| sidebar.new_title.is_some()) {
        take_title(chats);
        chats.sidebar.update(|sidebar| (sidebar.menu, sidebar.new_title) = (None, None));
    }
}

/// Gives the chat the title that was typed, if it is one.
fn take_title(chats: Chats) {
    let typed = chats.sidebar.with_untracked(|sidebar| sidebar.menu.zip(sidebar.new_title.clone()));
    let Some((id, typed)) = typed else { return };
    let Some(title) = clean_title(&typed) else { return };
    if chats.summary(id).is_some_and(|known| known.title != title) {
        chats.change(id, ConversationChange::Title(typed));
    }
}

/// The field for a title loses the focus: what was typed there is the title. Not if the field has the focus again by
/// the next frame, since it was only moved, nor if it is the window that loses it.
fn leave_title(chats: Chats) {
    browser::before_next_frame(move || {
        if browser::focused_id().as_deref() != Some(NEW_TITLE) {
            end_renaming(chats);
        }
    });
}

/// A line of the list, or a list within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Row {
    /// Why something is not as a person expects it to be.
    Note(Note),
    /// The list of what was found.
    Found,
    /// What was found, by its place.
    Hit(usize),
    /// The list of the chats of some days, under their heading.
    Group(&'static str),
    Chat(ConversationId),
    /// Shows and hides the archived chats.
    ArchivedButton,
    Archived,
    Older,
    Undo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Note {
    Unlisted,
    Unchanged,
    Unsearched,
    NothingFound,
    NoChats,
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    Note { words: String, is_alert: bool },
    Hit(SearchHit),
    Chat(ConversationSummary, ChatState),
    Button { id: &'static str, words: &'static str, action: Action, is_expanded: Option<bool> },
    Undo(ConversationId, String),
}

/// What a chat's row shows besides the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ChatState {
    /// The page shows this chat.
    is_shown: bool,
    has_menu: bool,
    is_renaming: bool,
}

/// The rows of the whole list, or of a list within it. `shown` is the chat that the page shows.
fn rows(sidebar: &Sidebar, shown: Uuid, of: Option<Row>) -> Vec<Row> {
    let chats = sidebar.listing.conversations.iter();
    match of {
        None => all_rows(sidebar, shown),
        Some(Row::Found) => {
            let count = sidebar.found.loaded().map_or(0, Vec::len);
            (0..count).map(Row::Hit).collect()
        }
        Some(Row::Archived) => chats.filter(|chat| chat.is_archived).map(|chat| Row::Chat(chat.id)).collect(),
        Some(of) => chats
            .filter(|chat| !chat.is_archived && Row::Group(group(sidebar, chat)) == of)
            .map(|chat| Row::Chat(chat.id))
            .collect(),
    }
}

fn all_rows(sidebar: &Sidebar, shown: Uuid) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |row, is_there| {
        if is_there && !rows.contains(&row) {
            rows.push(row);
        }
    };
    add(Row::Note(Note::Unlisted), sidebar.unlisted.is_some());
    add(Row::Note(Note::Unchanged), sidebar.unchanged.is_some());
    add(Row::Note(Note::Unsearched), sidebar.found.error().is_some());
    let listing = &sidebar.listing;
    if let Some(found) = sidebar.found.loaded() {
        add(Row::Note(Note::NothingFound), found.is_empty());
        add(Row::Found, !found.is_empty());
    } else {
        add(Row::Note(Note::NoChats), listing.conversations.is_empty());
        for chat in listing.conversations.iter().filter(|chat| !chat.is_archived) {
            add(Row::Group(group(sidebar, chat)), true);
        }
        add(Row::ArchivedButton, listing.conversations.iter().any(|chat| chat.is_archived));
        add(Row::Archived, shows_archived(sidebar, shown));
        add(Row::Older, listing.has_more);
    }
    add(Row::Undo, sidebar.deleted.is_some());
    rows
}

/// Archived chats are out of the way until somebody wants to see them, or one of them is open.
fn shows_archived(sidebar: &Sidebar, shown: Uuid) -> bool {
    let mut archived = sidebar.listing.conversations.iter().filter(|chat| chat.is_archived);
    archived.any(|chat| sidebar.shows_archived || chat.id.0 == shown)
}

/// By days of the reader's own calendar.
fn group(sidebar: &Sidebar, chat: &ConversationSummary) -> &'static str {
    let today = sidebar.now_ms / DAY_MS;
    let day = chat.updated_ms.saturating_add_signed(sidebar.offset_ms) / DAY_MS;
    match today.saturating_sub(day) {
        _ if chat.is_pinned => "Pinned",
        0 => "Today",
        1 => "Yesterday",
        2..=7 => "Last 7 days",
        8..=30 => "Last 30 days",
        _ => "Older",
    }
}

/// What the row shows; nothing if it is about to go.
fn content(sidebar: &Sidebar, shown: Uuid, row: Row) -> Option<Content> {
    Some(match row {
        Row::Note(note) => note_content(sidebar, note)?,
        Row::Hit(place) => Content::Hit(sidebar.found.loaded()?.get(place)?.clone()),
        Row::Chat(id) => {
            let chat = sidebar.listing.conversations.iter().find(|chat| chat.id == id)?;
            let has_menu = sidebar.menu == Some(id);
            let is_renaming = has_menu && sidebar.new_title.is_some();
            Content::Chat(chat.clone(), ChatState { is_shown: id.0 == shown, has_menu, is_renaming })
        }
        Row::ArchivedButton => Content::Button {
            id: "archived",
            words: "Archived",
            action: Action::ToggleArchived,
            is_expanded: Some(shows_archived(sidebar, shown)),
        },
        Row::Older => {
            Content::Button { id: "older", words: "Older chats", action: Action::ListMore, is_expanded: None }
        }
        Row::Undo => {
            let (id, title) = sidebar.deleted.as_ref()?;
            Content::Undo(*id, title.clone())
        }
        Row::Found | Row::Group(_) | Row::Archived => return None,
    })
}

fn note_content(sidebar: &Sidebar, note: Note) -> Option<Content> {
    let (words, is_alert) = match note {
        Note::Unlisted => (unlisted(sidebar.unlisted.as_ref()?), false),
        Note::Unchanged => (format!("The chat was not changed. {}", sidebar.unchanged.as_ref()?), true),
        Note::Unsearched => (sidebar.found.error()?.message.clone(), true),
        Note::NothingFound => ("No results. Use quotes for an exact phrase.".to_owned(), false),
        Note::NoChats => ("Your chats will be listed here.".to_owned(), false),
    };
    Some(Content::Note { words, is_alert })
}

/// Why there is no news. Whether Runnel can be reached is tried by itself: nobody has to check the connection first.
fn unlisted(error: &ApiError) -> String {
    let why = if error.kind == ApiErrorKind::Network { "Runnel cannot be reached." } else { &error.message };
    format!("{why} Trying again…")
}

/// The whole list, or a list within it.
fn list(chats: Chats, of: Option<Row>) -> AnyView {
    let rows = move || {
        let shown = chats.address.place(chats).key();
        chats.sidebar.with(|sidebar| rows(sidebar, shown, of))
    };
    view! {
        <For each=rows key=|row| *row let:row>
            {row_view(chats, row)}
        </For>
    }
    .into_any()
}

fn row_view(chats: Chats, row: Row) -> AnyView {
    let (heading, class, label) = match row {
        Row::Group(heading) => (Some(heading), None, None),
        Row::Archived => (None, None, None),
        Row::Found => (None, Some("found"), Some("Found")),
        _ => {
            let content = Memo::new(move |_| {
                let shown = chats.address.place(chats).key();
                chats.sidebar.with(|sidebar| content(sidebar, shown, row))
            });
            return (move || content.get().map(|content| content_view(chats, content))).into_any();
        }
    };
    view! {
        {heading.map(|heading| view! { <h2>{heading}</h2> }.into_any())}
        <ul class=class aria-label=label>
            {list(chats, Some(row))}
        </ul>
    }
    .into_any()
}

fn content_view(chats: Chats, content: Content) -> AnyView {
    match content {
        Content::Note { words, is_alert } => {
            view! { <p class="sidebar-note" role=is_alert.then_some("alert")>{words}</p> }.into_any()
        }
        Content::Hit(hit) => hit_view(hit),
        Content::Chat(chat, state) => chat_view(chats, chat, state),
        Content::Button { id, words, action, is_expanded } => {
            let class = if is_expanded.is_some() { "button quiet archived" } else { "button quiet" };
            button(
                chats,
                action,
                Button { id: Some(id.to_owned()), class: Some(class), label: None, is_expanded, words },
            )
        }
        Content::Undo(id, title) => {
            let undo = Button {
                id: Some("undo".to_owned()),
                class: Some("button"),
                label: None,
                is_expanded: None,
                words: "Undo",
            };
            view! {
                <p class="undo" role="status">
                    <span>{format!("Deleted “{title}”.")}</span>
                    {button(chats, Action::UndoDelete(id), undo)}
                </p>
            }
            .into_any()
        }
    }
}

fn hit_view(hit: SearchHit) -> AnyView {
    let message = match hit.message {
        FoundIn::Title => String::new(),
        FoundIn::Question(id) => format!("#{id}"),
        FoundIn::Answer(id) => format!("#{id}"),
    };
    let excerpt = (!hit.excerpt.is_empty()).then_some(hit.excerpt);
    view! {
        <li>
            <a class="chat-link" href=format!("/c/{}{message}", hit.conversation)>
                <span class="chat-title">{hit.title}</span>
                {excerpt.map(|excerpt| view! { <span class="excerpt">{excerpt}</span> }.into_any())}
            </a>
        </li>
    }
    .into_any()
}

fn chat_view(chats: Chats, chat: ConversationSummary, state: ChatState) -> AnyView {
    let ChatState { is_shown, has_menu, is_renaming } = state;
    let class = match (chat.is_running, chat.is_unread && !is_shown) {
        (false, false) => "chat-item",
        (false, true) => "chat-item unread",
        (true, false) => "chat-item running",
        (true, true) => "chat-item running unread",
    };
    let more = Button {
        id: Some(format!("more-{}", chat.id)),
        class: Some("chat-more"),
        label: Some(format!("Actions for “{}”", chat.title)),
        is_expanded: Some(has_menu),
        words: "⋯",
    };
    let more = button(chats, Action::ToggleMenu(chat.id), more);
    let menu = (has_menu && !is_renaming).then(|| menu_view(chats, &chat));
    let name = if is_renaming { title_field(chats) } else { chat_link(chat, is_shown) };
    view! {
        <li class=class>
            {name}
            {more}
            {menu}
        </li>
    }
    .into_any()
}

fn chat_link(chat: ConversationSummary, is_shown: bool) -> AnyView {
    let title = chat.title.clone();
    let remark = match (chat.is_running, chat.is_unread && !is_shown) {
        (false, false) => None,
        (false, true) => Some(" (unread)"),
        (true, false) => Some(" (answering)"),
        (true, true) => Some(" (answering) (unread)"),
    };
    view! {
        <a
            class="chat-link"
            id=format!("open-{}", chat.id)
            href=format!("/c/{}", chat.id)
            title=title
            aria-current=is_shown.then_some("page")
        >
            <bdi class="chat-title">{chat.title}</bdi>
            {remark.map(|remark| view! { <span class="visually-hidden">{remark}</span> }.into_any())}
        </a>
    }
    .into_any()
}

/// The field for another title. Where the row is drawn anew, what was typed is there again.
fn title_field(chats: Chats) -> AnyView {
    let typed = chats.sidebar.with_untracked(|sidebar| sidebar.new_title.clone()).unwrap_or_default();
    let press = move |event: KeyboardEvent| {
        if is_submit_key(&event) {
            take_title(chats);
            close_menu(chats);
        }
    };
    view! {
        <input
            id=NEW_TITLE
            class="new-title"
            aria-label="New title"
            maxlength="200"
            prop:value=typed
            on:input:target=move |event| {
                let typed = event.target().value();
                // The field shows it already.
                chats.sidebar.update_untracked(|sidebar| sidebar.new_title = Some(typed));
            }
            on:keydown=press
            on:focusout=move |_| leave_title(chats)
        />
    }
    .into_any()
}

fn menu_view(chats: Chats, chat: &ConversationSummary) -> AnyView {
    let item = |id: &str, words, action| {
        let id = Some(format!("menu-{id}"));
        button(chats, action, Button { id, class: None, label: None, is_expanded: None, words })
    };
    let (id, is_pinned, is_archived) = (chat.id, chat.is_pinned, chat.is_archived);
    view! {
        <div class="chat-menu" role="group" aria-label="Actions">
            {item("first", "Rename", Action::Rename(id))}
            {item("pin", if is_pinned { "Unpin" } else { "Pin" }, Action::Pin(id, !is_pinned))}
            {item("archive", if is_archived { "Unarchive" } else { "Archive" }, Action::Archive(id, !is_archived))}
            {item("delete", "Delete", Action::Delete(id))}
        </div>
    }
    .into_any()
}

/// How a button of the list looks.
struct Button {
    id: Option<String>,
    class: Option<&'static str>,
    /// What it is called, if its words do not say it.
    label: Option<String>,
    /// Whether what it shows is shown, if it shows something.
    is_expanded: Option<bool>,
    words: &'static str,
}

fn button(chats: Chats, action: Action, look: Button) -> AnyView {
    let is_expanded = look.is_expanded.map(|is_expanded| if is_expanded { "true" } else { "false" });
    view! {
        <button
            type="button"
            id=look.id
            class=look.class
            aria-label=look.label
            aria-expanded=is_expanded
            on:click=move |_| act(chats, action)
        >
            {look.words}
        </button>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation_list::Listing;
    use crate::ui::parts::Parts;

    fn chat(title: &str, updated_ms: u64) -> ConversationSummary {
        ConversationSummary {
            id: ConversationId::now(),
            title: title.into(),
            updated_ms,
            version: 1,
            is_pinned: false,
            is_archived: false,
            is_unread: false,
            is_running: false,
        }
    }

    fn sidebar(chats: Vec<ConversationSummary>) -> Sidebar {
        let listing = Listing { revision: 1, conversations: chats, ..Listing::default() };
        Sidebar { listing, now_ms: 100 * DAY_MS, ..Sidebar::default() }
    }

    /// The list as the server writes it, at the address of the chat `shown`.
    fn html(sidebar: &Sidebar, shown: &str) -> String {
        Owner::new().with(|| {
            let chats = Chats::new(Address::new(format!("/c/{shown}")), Parts::new(None));
            chats.sidebar.set(sidebar.clone());
            list(chats, None).to_html()
        })
    }

    #[test]
    fn chats_stand_under_their_day_and_pinned_ones_first() {
        let mut pinned = chat("Pinned one", 0);
        pinned.is_pinned = true;
        let list = html(
            &sidebar(vec![
                pinned,
                chat("a", 100 * DAY_MS),
                chat("b", 99 * DAY_MS),
                chat("c", 95 * DAY_MS),
                chat("d", 1),
            ]),
            "",
        );
        let places: Vec<_> = ["<h2>Pinned", "<h2>Today", "<h2>Yesterday", "<h2>Last 7 days", "<h2>Older"]
            .map(|heading| list.find(heading).unwrap())
            .into();
        assert!(places.is_sorted(), "{list}");
        for title in ["Pinned one", ">a<", ">b<", ">c<", ">d<"] {
            assert_eq!(list.matches(title).count(), if title.starts_with('P') { 3 } else { 1 }, "{list}");
        }
    }

    #[test]
    fn the_day_is_the_readers_own() {
        let mut sidebar = sidebar(vec![chat("late", 100 * DAY_MS - 1)]);
        assert!(html(&sidebar, "").contains("Yesterday"));
        sidebar.offset_ms = 3_600_000;
        assert!(html(&sidebar, "").contains("Today"));
    }

    #[test]
    fn a_title_is_text_wherever_it_stands() {
        let mut sidebar = sidebar(vec![chat("<img src=x onerror=alert(1)>\"", 1)]);
        let id = sidebar.listing.conversations[0].id;
        sidebar.deleted = Some((id, "<script>".into()));
        for new_title in [None, Some("<script>".to_owned())] {
            (sidebar.menu, sidebar.new_title) = (Some(id), new_title);
            let list = html(&sidebar, "");
            assert!(!list.contains("<img") && !list.contains("<script"), "{list}");
        }
    }

    #[test]
    fn what_is_open_is_not_called_unread() {
        let mut unread = chat("Read me", 1);
        unread.is_unread = true;
        let id = unread.id.to_string();
        let sidebar = sidebar(vec![unread]);
        assert!(html(&sidebar, "").contains("(unread)"));
        assert!(!html(&sidebar, &id).contains("(unread)"));
    }

    #[test]
    fn no_row_stands_twice_whatever_the_order_of_the_chats() {
        // A list of older chats may end with a chat that is open, wherever it would stand.
        let mut pinned = chat("Pinned", 1);
        pinned.is_pinned = true;
        let sidebar =
            sidebar(vec![chat("Today", 100 * DAY_MS), chat("Old", 1), pinned, chat("Again", 100 * DAY_MS)]);
        let groups = ["Today", "Older", "Pinned"].map(Row::Group);
        assert_eq!(rows(&sidebar, Uuid::nil(), None), groups);
        let listed: usize = groups.map(|group| rows(&sidebar, Uuid::nil(), Some(group)).len()).iter().sum();
        assert_eq!(listed, 4);
    }

    #[test]
    fn archived_chats_are_listed_when_they_are_asked_for_or_one_is_open() {
        let mut archived = chat("Away", 1);
        archived.is_archived = true;
        let id = archived.id;
        let mut sidebar = sidebar(vec![archived]);
        assert_eq!(rows(&sidebar, Uuid::nil(), None), [Row::ArchivedButton]);
        assert_eq!(rows(&sidebar, id.0, None), [Row::ArchivedButton, Row::Archived]);
        sidebar.shows_archived = true;
        assert_eq!(rows(&sidebar, Uuid::nil(), None), [Row::ArchivedButton, Row::Archived]);
        assert_eq!(rows(&sidebar, Uuid::nil(), Some(Row::Archived)), [Row::Chat(id)]);
    }
}
