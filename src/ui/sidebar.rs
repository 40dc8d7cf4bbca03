//! The sidebar: search, and the chats by date. On a phone it is a drawer.
//!
//! Its list is HTML as text ([`Html`]): as views it would cost the browser's file more than all the rest of it. One
//! listener on the list hears every click, and learns from `data-do` what is to be done.

use leptos::ev::{FocusEvent, KeyboardEvent, MouseEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::address::Address;
use super::browser;
use super::chats::Chats;
use super::conversation_list::Sidebar;
use super::icons::{self, Icon};
use super::keys::is_submit_key;
use super::redraw::redraw;
use crate::chat::ConversationId;
use crate::conversation_list::{ConversationChange, ConversationSummary, FoundIn, SearchHit, clean_title};
use crate::html::Html;

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
    let list = move || {
        let shown = address.place(chats).key().to_string();
        chats.sidebar.with(|sidebar| html(sidebar, &shown))
    };
    let first_list = untrack(list);
    let element = NodeRef::<leptos::html::Div>::new();
    let drawn = StoredValue::new(first_list.clone());
    let is_drawing = StoredValue::new(false);
    Effect::new(move || {
        let list = list();
        if let Some(element) = element.get().filter(|_| drawn.with_value(|drawn| *drawn != list)) {
            is_drawing.set_value(true);
            redraw(&element, &list, "#new-title");
            is_drawing.set_value(false);
            drawn.set_value(list);
        }
    });
    view! {
        <div class="sidebar-frame" class:open=move || chats.sidebar.with(|sidebar| sidebar.is_open)>
            <nav
                class="sidebar"
                id="sidebar"
                aria-label="Chats"
                on:click=move |event| click(chats, &event)
                on:keydown=move |event| press(chats, &event)
                on:focusout=move |event| {
                    // What is taken out of the page loses the focus too: nobody has left it.
                    if !is_drawing.get_value() {
                        leave(chats, &event);
                    }
                }
            >
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
                <div class="chat-list" node_ref=element inner_html=first_list></div>
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

fn click(chats: Chats, event: &MouseEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(button) = target.and_then(|target| target.closest("[data-do]").ok().flatten()) else { return };
    let what = button.get_attribute("data-do").unwrap_or_default();
    let named = button.get_attribute("data-id").and_then(|id| id.parse().ok());
    match (what.as_str(), named.or(chats.sidebar.with_untracked(|sidebar| sidebar.menu))) {
        ("more", _) => chats.list_more(),
        ("archived", _) => chats.redraw(|sidebar| sidebar.shows_archived = !sidebar.shows_archived),
        ("menu", Some(id)) => toggle_menu(chats, id),
        ("undo", Some(id)) => chats.undo_delete(id),
        ("rename", Some(_)) => {
            chats.sidebar.update(|sidebar| sidebar.is_renaming = true);
            browser::before_next_frame(|| browser::focus_and_select(NEW_TITLE));
        }
        ("pin", Some(id)) => {
            close_menu(chats);
            let is_pinned = chats.summary(id).is_some_and(|known| known.is_pinned);
            chats.change(id, ConversationChange::Pinned(!is_pinned));
        }
        ("archive", Some(id)) => {
            close_menu(chats);
            let is_archived = chats.summary(id).is_some_and(|known| known.is_archived);
            chats.change(id, ConversationChange::Archived(!is_archived));
        }
        ("delete", Some(id)) => {
            chats.sidebar.update(|sidebar| sidebar.menu = None);
            chats.delete(id);
            browser::before_next_frame(|| browser::focus_again("undo"));
        }
        _ => {}
    }
}

fn press(chats: Chats, event: &KeyboardEvent) {
    let (menu, is_renaming) = chats.sidebar.with_untracked(|sidebar| (sidebar.menu, sidebar.is_renaming));
    match (event.key().as_str(), menu) {
        ("Enter", Some(id)) if is_renaming && is_submit_key(event) => {
            take_title(chats, id);
            close_menu(chats);
        }
        _ => {}
    }
}

/// The field for a title loses the focus: what was typed there is the title. If it is the window that loses it, the
/// field has it within the page, and waits.
fn leave(chats: Chats, event: &FocusEvent) {
    let left = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let is_field = left.is_some_and(|element| element.id() == NEW_TITLE);
    if is_field && browser::focused_id().as_deref() != Some(NEW_TITLE) {
        end_renaming(chats);
    }
}

/// Takes what was typed, and leaves the focus where it is.
fn end_renaming(chats: Chats) {
    let renamed = chats.sidebar.with_untracked(|sidebar| sidebar.menu.filter(|_| sidebar.is_renaming));
    if let Some(id) = renamed {
        take_title(chats, id);
        chats.sidebar.update(|sidebar| (sidebar.menu, sidebar.is_renaming) = (None, false));
    }
}

/// Gives the chat the title that was typed, if it is one.
fn take_title(chats: Chats, id: ConversationId) {
    let typed = browser::value_of(NEW_TITLE);
    let Some(title) = clean_title(&typed) else { return };
    if chats.summary(id).is_some_and(|known| known.title != title) {
        chats.change(id, ConversationChange::Title(typed));
    }
}

pub(super) fn close_drawer(chats: Chats) {
    if chats.sidebar.with_untracked(|sidebar| sidebar.is_open) {
        chats.sidebar.update(|sidebar| sidebar.is_open = false);
        browser::focus_again("drawer-button");
    }
}

fn toggle_menu(chats: Chats, id: ConversationId) {
    if chats.sidebar.with_untracked(|sidebar| sidebar.menu == Some(id)) {
        close_menu(chats);
    } else {
        chats.sidebar.update(|sidebar| (sidebar.menu, sidebar.is_renaming) = (Some(id), false));
        browser::before_next_frame(|| browser::focus_again("menu-first"));
    }
}

pub(super) fn close_menu(chats: Chats) {
    let menu = chats.sidebar.try_update(|sidebar| {
        sidebar.is_renaming = false;
        sidebar.menu.take()
    });
    if let Some(id) = menu.flatten() {
        browser::before_next_frame(move || browser::focus_again(&format!("more-{id}")));
    }
}

/// The whole list. `shown` is the id of the chat that is open.
fn html(sidebar: &Sidebar, shown: &str) -> String {
    let mut html = Html::default();
    if sidebar.is_away {
        html.markup("<p class=\"sidebar-note\">Runnel cannot be reached. Trying again…</p>");
    }
    if let Some(why) = &sidebar.unchanged {
        html.markup("<p class=\"sidebar-note\" role=\"alert\">The chat was not changed. ")
            .text(why)
            .markup("</p>");
    }
    if let Some(why) = &sidebar.unsearched {
        html.markup("<p class=\"sidebar-note\" role=\"alert\">").text(why).markup("</p>");
    }
    match &sidebar.found {
        Some(found) => found_list(&mut html, found),
        None => chat_list(&mut html, sidebar, shown),
    }
    if let Some((id, title)) = &sidebar.deleted {
        html.markup("<p class=\"undo\" role=\"status\"><span>Deleted “").text(title).markup("”.</span>");
        html.markup("<button type=\"button\" class=\"button\" id=\"undo\" data-do=\"undo\"");
        html.attribute("data-id", &id.to_string()).markup(">Undo</button></p>");
    }
    html.into_string()
}

fn found_list(html: &mut Html, found: &[SearchHit]) {
    if found.is_empty() {
        html.markup("<p class=\"sidebar-note\">No results. Use quotes for an exact phrase.</p>");
        return;
    }
    html.markup("<ul class=\"found\" aria-label=\"Found\">");
    for hit in found {
        let message = match hit.message {
            FoundIn::Title => String::new(),
            FoundIn::Question(id) => format!("#{id}"),
            FoundIn::Answer(id) => format!("#{id}"),
        };
        html.markup("<li><a class=\"chat-link\"")
            .attribute("href", &format!("/c/{}{message}", hit.conversation));
        html.markup("><span class=\"chat-title\">").text(&hit.title).markup("</span>");
        if !hit.excerpt.is_empty() {
            html.markup("<span class=\"excerpt\">").text(&hit.excerpt).markup("</span>");
        }
        html.markup("</a></li>");
    }
    html.markup("</ul>");
}

fn chat_list(html: &mut Html, sidebar: &Sidebar, shown: &str) {
    let chats = &sidebar.listing.conversations;
    if chats.is_empty() {
        html.markup("<p class=\"sidebar-note\">Your chats will be listed here.</p>");
        return;
    }
    let in_use = || chats.iter().filter(|chat| !chat.is_archived);
    let mut heading = "";
    for chat in in_use() {
        let group = group(sidebar, chat);
        if group != heading {
            if !heading.is_empty() {
                html.markup("</ul>");
            }
            html.markup("<h2>").markup(group).markup("</h2><ul>");
            heading = group;
        }
        item(html, sidebar, chat, shown);
    }
    if !heading.is_empty() {
        html.markup("</ul>");
    }
    archived_list(html, sidebar, shown);
    if sidebar.listing.has_more {
        html.markup("<button type=\"button\" class=\"button quiet\" id=\"older\" data-do=\"more\">Older chats</button>");
    }
}

/// Out of the way until somebody wants to see them, or one of them is open.
fn archived_list(html: &mut Html, sidebar: &Sidebar, shown: &str) {
    let archived = || sidebar.listing.conversations.iter().filter(|chat| chat.is_archived);
    if archived().next().is_none() {
        return;
    }
    let is_open = sidebar.shows_archived || archived().any(|chat| chat.id.to_string() == shown);
    html.markup(
        "<button type=\"button\" class=\"button quiet archived\" id=\"archived\" data-do=\"archived\"",
    );
    html.markup(if is_open { " aria-expanded=\"true\"" } else { " aria-expanded=\"false\"" });
    html.markup(">Archived</button>");
    if is_open {
        html.markup("<ul>");
        for chat in archived() {
            item(html, sidebar, chat, shown);
        }
        html.markup("</ul>");
    }
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

fn item(html: &mut Html, sidebar: &Sidebar, chat: &ConversationSummary, shown: &str) {
    let id = chat.id.to_string();
    let has_menu = sidebar.menu == Some(chat.id);
    html.markup("<li class=\"chat-item");
    html.markup(if chat.is_running { " running" } else { "" });
    html.markup(if chat.is_unread && id != shown { " unread" } else { "" }).markup("\">");
    if has_menu && sidebar.is_renaming {
        html.markup("<input id=\"new-title\" class=\"new-title\" aria-label=\"New title\" maxlength=\"200\"");
        html.attribute("data-id", &id).attribute("value", &chat.title).markup(" />");
    } else {
        html.markup("<a class=\"chat-link\"").attribute("id", &format!("open-{id}"));
        html.attribute("href", &format!("/c/{id}")).attribute("title", &chat.title);
        html.markup(if id == shown { " aria-current=\"page\">" } else { ">" });
        html.markup("<bdi class=\"chat-title\">").text(&chat.title).markup("</bdi>");
        html.markup(if chat.is_running { "<span class=\"visually-hidden\"> (answering)</span>" } else { "" });
        let unread = chat.is_unread && id != shown;
        html.markup(if unread { "<span class=\"visually-hidden\"> (unread)</span>" } else { "" });
        html.markup("</a>");
    }
    html.markup("<button type=\"button\" class=\"chat-more\" data-do=\"menu\"");
    html.attribute("id", &format!("more-{id}")).attribute("data-id", &id);
    html.attribute("aria-label", &format!("Actions for “{}”", chat.title));
    html.markup(if has_menu { " aria-expanded=\"true\"" } else { " aria-expanded=\"false\"" });
    html.markup(">⋯</button>");
    if has_menu && !sidebar.is_renaming {
        html.markup("<div class=\"chat-menu\" role=\"group\" aria-label=\"Actions\">");
        html.markup("<button type=\"button\" id=\"menu-first\" data-do=\"rename\">Rename</button>");
        html.markup("<button type=\"button\" id=\"menu-pin\" data-do=\"pin\">");
        html.markup(if chat.is_pinned { "Unpin" } else { "Pin" }).markup("</button>");
        html.markup("<button type=\"button\" id=\"menu-archive\" data-do=\"archive\">");
        html.markup(if chat.is_archived { "Unarchive" } else { "Archive" }).markup("</button>");
        html.markup("<button type=\"button\" id=\"menu-delete\" data-do=\"delete\">Delete</button></div>");
    }
    html.markup("</li>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation_list::Listing;

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
        let places: Vec<_> =
            ["Pinned</h2>", "Today</h2>", "Yesterday</h2>", "Last 7 days</h2>", "Older</h2>"]
                .map(|heading| list.find(heading).unwrap())
                .into();
        assert!(places.is_sorted(), "{list}");
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
        for is_renaming in [false, true] {
            (sidebar.menu, sidebar.is_renaming) = (Some(id), is_renaming);
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
}
