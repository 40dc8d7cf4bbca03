//! Finding, listing and changing conversations.

use runnel::chat::{AnswerId, ConversationId};
use runnel::conversation_list::{ConversationChange, ConversationSummary, LONGEST_TITLE, Listing};
use runnel::server::store::{NewAnswer, Store};
use runnel::settings::TypedSettings;

use super::{
    ME, MIDNIGHT, another_answer, begin, chat, each_place, each_store, ended, finish, load, load_answer,
    new_answer, now_ms, say, settings,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn the_stores_own_housekeeping_is_no_change_from_elsewhere() {
    each_place(async |place| {
        let store = place.open().await;
        let (id, _) = chat(&*store, "Why?", "Because.").await;
        assert!(change(&*store, id, ConversationChange::Deleted(true)).await);
        drop(store);

        let store = place.open().await;
        assert!(!store.was_changed_elsewhere().await.unwrap(), "after it was opened");
        store.purge_deleted(0).await.unwrap();
        assert!(!store.was_changed_elsewhere().await.unwrap(), "after a purge that had nothing to remove");
    })
    .await;
}

async fn change(store: &dyn Store, id: ConversationId, change: ConversationChange) -> bool {
    store.change_conversation(&ME, id, &change, MIDNIGHT).await.unwrap()
}

async fn listed(store: &dyn Store) -> Vec<ConversationId> {
    store.list_conversations(&ME, 100).await.unwrap().conversations.iter().map(|one| one.id).collect()
}

async fn summary(store: &dyn Store, id: ConversationId) -> ConversationSummary {
    let listing = store.list_conversations(&ME, 100).await.unwrap();
    listing.conversations.into_iter().find(|one| one.id == id).expect("the conversation is listed")
}

/// A conversation of one question and its answer at a time.
async fn chat_at(store: &dyn Store, now_ms: u64) -> ConversationId {
    let new = NewAnswer { now_ms, ..new_answer(ConversationId::now(), None, "Why?") };
    finish(store, &new, "Because.").await;
    new.conversation
}

#[tokio::test]
async fn questions_and_answers_stand_in_the_order_in_which_they_were_begun() {
    each_store(async |store| {
        let id = ConversationId::now();
        let first = new_answer(id, None, "One?");
        let one = finish(&*store, &first, "One.").await;
        let second = new_answer(id, Some(one.id), "Two?");
        let third = new_answer(id, Some(one.id), "Three?");
        begin(&*store, &second).await;
        let three = finish(&*store, &third, "Three.").await;
        let other_one = finish(&*store, &another_answer(&first), "One, again.").await;
        let two = ended(&second.answer, "Two.");
        store.finish_answer(&two, MIDNIGHT).await.unwrap();

        let conversation = load(&*store, id).await;
        assert_eq!(conversation.questions, [first.question.clone(), second.question, third.question]);
        assert_eq!(conversation.answers, [one, two, three, other_one.clone()]);
        assert_eq!(conversation.tree().branch(conversation.leaf), [(first.question.id, other_one.id)]);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_keeps_what_is_set_for_its_next_question() {
    each_place(async |place| {
        let store = place.open().await;
        let (asked, changed) = (settings("vendor/asked"), settings("vendor/changed"));
        let new = NewAnswer { settings: asked.clone(), ..new_answer(ConversationId::now(), None, "Why?") };
        let answer = finish(&*store, &new, "Because.").await;
        let (id, other) = (new.conversation, chat(&*store, "Other?", "Other.").await.0);
        let before = load(&*store, id).await;
        assert_eq!(before.settings, Some(asked), "those of the question");

        assert!(change(&*store, id, ConversationChange::Settings(changed.clone())).await);
        assert!(!change(&*store, ConversationId::now(), ConversationChange::Settings(changed.clone())).await);
        let copy = ConversationId::now();
        assert!(store.fork(&ME, answer.id, copy, MIDNIGHT).await.unwrap());
        store.suggest_title(&ME, id, "A title").await.unwrap();
        drop(store);

        let store = place.open().await;
        let after = load(&*store, id).await;
        assert_eq!(after.settings, Some(changed.clone()));
        assert!(after.version > before.version, "other devices learn of it");
        assert_eq!(load(&*store, copy).await.settings, Some(changed), "a copy goes on as it was");
        assert_eq!(
            load(&*store, other).await.settings,
            Some(TypedSettings::default()),
            "others have their own"
        );
        let latest =
            NewAnswer { settings: settings("vendor/latest"), ..new_answer(id, Some(answer.id), "And?") };
        begin(&*store, &latest).await;
        assert_eq!(load(&*store, id).await.settings, Some(latest.settings));
    })
    .await;
}

#[tokio::test]
async fn the_pinned_come_first_and_then_the_newest() {
    each_store(async |store| {
        let mut ids = Vec::new();
        for day in [2, 0, 3, 1] {
            ids.push(chat_at(&*store, MIDNIGHT + day * DAY_MS).await);
        }
        let [two, zero, three, one] = ids[..] else { unreachable!() };
        assert_eq!(listed(&*store).await, [three, two, one, zero]);
        for id in [zero, one] {
            assert!(change(&*store, id, ConversationChange::Pinned(true)).await);
        }
        assert_eq!(listed(&*store).await, [one, zero, three, two]);
        assert!(change(&*store, one, ConversationChange::Pinned(false)).await);
        assert_eq!(listed(&*store).await, [zero, three, two, one]);
        let answer = load(&*store, two).await.answers[0].id;
        let new = NewAnswer { now_ms: MIDNIGHT + 9 * DAY_MS, ..new_answer(two, Some(answer), "And?") };
        begin(&*store, &new).await;
        assert_eq!(listed(&*store).await, [zero, two, three, one], "a new question makes it new");
    })
    .await;
}

#[tokio::test]
async fn a_listing_says_if_there_is_more() {
    each_store(async |store| {
        assert_eq!(store.list_conversations(&ME, 5).await.unwrap(), Listing::default());
        for day in 0..3 {
            chat_at(&*store, MIDNIGHT + day * DAY_MS).await;
        }
        let newest = listed(&*store).await;
        for (limit, has_more) in [(0, true), (1, true), (2, true), (3, false), (4, false), (u32::MAX, false)]
        {
            let listing = store.list_conversations(&ME, limit).await.unwrap();
            let ids: Vec<_> = listing.conversations.iter().map(|one| one.id).collect();
            assert_eq!(ids, newest[..newest.len().min(limit as usize)]);
            assert_eq!(listing.has_more, has_more, "of {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_running_until_its_answers_end_and_unread_until_it_is_read() {
    each_store(async |store| {
        let first = new_answer(ConversationId::now(), None, "Why?");
        let id = first.conversation;
        let second = another_answer(&first);
        begin(&*store, &first).await;
        begin(&*store, &second).await;
        let facts = async || {
            let summary = summary(&*store, id).await;
            (summary.is_running, summary.is_unread)
        };
        assert_eq!(facts().await, (true, false));
        store.finish_answer(&ended(&first.answer, "Because."), MIDNIGHT).await.unwrap();
        assert_eq!(facts().await, (true, true));
        assert!(change(&*store, id, ConversationChange::Read).await);
        assert_eq!(facts().await, (true, false));
        store.finish_answer(&ended(&second.answer, "So."), MIDNIGHT).await.unwrap();
        assert_eq!(facts().await, (false, true));
        assert!(change(&*store, id, ConversationChange::Read).await);
        assert_eq!(facts().await, (false, false));
    })
    .await;
}

/// A backup that is put in a database's place has older versions. What comes after it has others than what came after it
/// before: a page would take one for the other.
#[tokio::test]
async fn a_version_is_later_than_all_that_were_before_it_was_made() {
    each_store(async |store| {
        let (id, _) = chat(&*store, "Why?", "Because.").await;
        let before = now_ms();
        assert!(change(&*store, id, ConversationChange::Pinned(true)).await);
        assert!(load(&*store, id).await.version >= before);
    })
    .await;
}

#[tokio::test]
async fn every_change_is_seen_and_has_a_version_of_its_own() {
    each_store(async |store| {
        let (id, answer) = chat(&*store, "One?", "One.").await;
        let two = say(&*store, id, Some(answer.id), "Two?", "Two.").await;
        let mut expected = load(&*store, id).await;
        assert_eq!(expected.leaf, Some(two.id));
        let changes = [
            ConversationChange::Title("  A better\n title ".to_owned()),
            ConversationChange::Pinned(true),
            ConversationChange::Archived(true),
            ConversationChange::Draft("What was\ntyped ".to_owned()),
            ConversationChange::Settings(settings("vendor/other")),
            ConversationChange::Leaves(vec![two.id, answer.id]),
            ConversationChange::Leaf(answer.id),
            ConversationChange::Read,
        ];
        let mut versions = vec![expected.version];
        for change in changes {
            assert!(store.change_conversation(&ME, id, &change, MIDNIGHT + DAY_MS).await.unwrap());
            match change {
                ConversationChange::Title(_) => {
                    "A better title".clone_into(&mut expected.title);
                    expected.is_title_chosen = true;
                }
                ConversationChange::Pinned(pinned) => expected.is_pinned = pinned,
                ConversationChange::Archived(archived) => expected.is_archived = archived,
                ConversationChange::Draft(draft) => expected.draft = draft,
                ConversationChange::Settings(settings) => expected.settings = Some(settings),
                ConversationChange::Leaf(leaf) => {
                    (expected.leaf, expected.leaves) = (Some(leaf), Vec::new());
                }
                ConversationChange::Leaves(leaves) => {
                    (expected.leaf, expected.leaves) = (leaves.first().copied(), leaves);
                }
                ConversationChange::Read | ConversationChange::Deleted(_) => {}
            }
            let found = load(&*store, id).await;
            expected.version = found.version;
            assert_eq!(found, expected, "nothing else changes, and it is not newer for it");
            let summary = summary(&*store, id).await;
            assert_eq!(
                (summary.title, summary.is_pinned, summary.is_archived, summary.version),
                (found.title, found.is_pinned, found.is_archived, found.version)
            );
            versions.push(found.version);
        }
        assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
        for undone in [ConversationChange::Pinned(false), ConversationChange::Archived(false)] {
            assert!(change(&*store, id, undone).await);
        }
        let found = load(&*store, id).await;
        assert!(!found.is_pinned && !found.is_archived);
    })
    .await;
}

fn changes_of_every_kind(leaf: AnswerId) -> [ConversationChange; 8] {
    [
        ConversationChange::Title("Title".to_owned()),
        ConversationChange::Pinned(true),
        ConversationChange::Archived(true),
        ConversationChange::Deleted(true),
        ConversationChange::Draft("Draft".to_owned()),
        ConversationChange::Leaf(leaf),
        ConversationChange::Leaves(vec![leaf]),
        ConversationChange::Read,
    ]
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    each_store(async |store| {
        let missing = ConversationId::now();
        for what in changes_of_every_kind(AnswerId::now()) {
            assert!(!change(&*store, missing, what.clone()).await, "{what:?}");
        }
        assert!(!change(&*store, missing, ConversationChange::Deleted(false)).await);
        assert!(!store.suggest_title(&ME, missing, "Title").await.unwrap());
        assert_eq!(store.find_conversation(&ME, missing).await.unwrap(), None);
        assert_eq!(store.list_ids(&ME).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_conversation_is_out_of_sight_and_out_of_reach_until_that_is_undone() {
    each_store(async |store| {
        let (id, answer) = chat(&*store, "Why?", "Because.").await;
        let (other, _) = chat(&*store, "Other?", "Other.").await;
        let before = load(&*store, id).await;
        assert!(change(&*store, id, ConversationChange::Deleted(true)).await);
        assert_eq!(store.find_conversation(&ME, id).await.unwrap(), None);
        assert_eq!(listed(&*store).await, [other]);
        assert_eq!(store.list_ids(&ME).await.unwrap(), [other]);
        assert_eq!(store.find_answer(&ME, answer.id).await.unwrap(), None);
        for what in changes_of_every_kind(answer.id) {
            assert!(!change(&*store, id, what.clone()).await, "{what:?}");
        }
        assert!(!store.suggest_title(&ME, id, "Title").await.unwrap());

        assert!(change(&*store, id, ConversationChange::Deleted(false)).await);
        let mut after = load(&*store, id).await;
        assert_ne!(after.version, before.version);
        after.version = before.version;
        assert_eq!(after, before);
        assert_eq!(store.list_ids(&ME).await.unwrap(), [id, other]);
        assert_eq!(load_answer(&*store, answer.id).await, answer);
    })
    .await;
}

#[tokio::test]
async fn an_answer_ends_in_a_deleted_conversation_and_is_there_after_undoing() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        assert!(change(&*store, new.conversation, ConversationChange::Deleted(true)).await);
        let answer = ended(&new.answer, "Because.");
        store.finish_answer(&answer, MIDNIGHT).await.unwrap();
        assert_eq!(store.find_conversation(&ME, new.conversation).await.unwrap(), None);
        assert!(change(&*store, new.conversation, ConversationChange::Deleted(false)).await);
        assert_eq!(load(&*store, new.conversation).await.answers, [answer]);
    })
    .await;
}

#[tokio::test]
async fn only_what_was_deleted_before_a_time_is_purged() {
    each_store(async |store| {
        let (kept, _) = chat(&*store, "Kept?", "Kept.").await;
        let mut deleted = Vec::new();
        for time in [MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + 2] {
            let (id, answer) = chat(&*store, "Deleted?", "Deleted.").await;
            store.change_conversation(&ME, id, &ConversationChange::Deleted(true), time).await.unwrap();
            deleted.push((id, answer.id));
        }
        assert_eq!(store.purge_deleted(MIDNIGHT).await.unwrap(), 0);
        assert_eq!(store.purge_deleted(MIDNIGHT + 2).await.unwrap(), 2);
        assert_eq!(store.purge_deleted(MIDNIGHT + 2).await.unwrap(), 0);
        for (at, (id, answer)) in deleted.into_iter().enumerate() {
            let is_there = at == 2;
            assert_eq!(change(&*store, id, ConversationChange::Deleted(false)).await, is_there);
            assert_eq!(store.find_answer(&ME, answer).await.unwrap().is_some(), is_there);
            assert_eq!(store.find_conversation(&ME, id).await.unwrap().is_some(), is_there);
        }
        assert!(store.find_conversation(&ME, kept).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_title_is_suggested_until_a_person_chooses_one() {
    each_store(async |store| {
        let (id, _) = chat(&*store, "Why?", "Because.").await;
        let title = async || {
            let conversation = load(&*store, id).await;
            (conversation.title, conversation.is_title_chosen)
        };
        assert!(store.suggest_title(&ME, id, " About\treasons ").await.unwrap());
        assert_eq!(title().await, ("About reasons".to_owned(), false));
        assert!(!store.suggest_title(&ME, id, " \n ").await.unwrap(), "no title is nothing to change");
        assert_eq!(title().await.0, "About reasons");
        assert!(store.suggest_title(&ME, id, "About causes").await.unwrap());
        assert!(change(&*store, id, ConversationChange::Title("Mine".to_owned())).await);
        let version = load(&*store, id).await.version;
        assert!(!store.suggest_title(&ME, id, "About causes").await.unwrap());
        assert_eq!(title().await, ("Mine".to_owned(), true));
        assert_eq!(load(&*store, id).await.version, version);
        assert!(change(&*store, id, ConversationChange::Title("Mine too".to_owned())).await);
        assert_eq!(title().await, ("Mine too".to_owned(), true));
    })
    .await;
}

#[tokio::test]
async fn a_title_is_one_line_that_is_not_too_long() {
    each_store(async |store| {
        let (id, _) = chat(&*store, "Why?", "Because.").await;
        for nothing in ["", " \n\t", "\u{202e}"] {
            assert!(!change(&*store, id, ConversationChange::Title(nothing.to_owned())).await);
        }
        let conversation = load(&*store, id).await;
        assert_eq!((conversation.title.as_str(), conversation.is_title_chosen), ("Why?", false));
        assert!(change(&*store, id, ConversationChange::Title("é".repeat(5000))).await);
        assert_eq!(load(&*store, id).await.title.chars().count(), LONGEST_TITLE);
    })
    .await;
}

#[tokio::test]
async fn a_first_title_is_one_line_of_visible_text() {
    each_store(async |store| {
        for (question, title) in
            [("Is \u{202e}this\u{0} safe?\nYes?", "Is this safe?"), ("\u{202e}\u{200f}", "")]
        {
            let (id, _) = chat(&*store, question, "No.").await;
            let conversation = load(&*store, id).await;
            assert_eq!((conversation.title.as_str(), conversation.is_title_chosen), (title, false));
        }
    })
    .await;
}

#[tokio::test]
async fn only_a_branch_of_its_own_can_be_shown() {
    each_store(async |store| {
        let (id, answer) = chat(&*store, "Why?", "Because.").await;
        let (_, other) = chat(&*store, "Other?", "Other.").await;
        let before = load(&*store, id).await;
        for leaf in [other.id, AnswerId::now()] {
            assert!(!change(&*store, id, ConversationChange::Leaf(leaf)).await);
        }
        assert_eq!(load(&*store, id).await, before);
        assert!(change(&*store, id, ConversationChange::Leaf(answer.id)).await);
    })
    .await;
}

#[tokio::test]
async fn several_branches_are_shown_until_one_is_chosen_or_another_begins() {
    each_store(async |store| {
        let (id, first) = chat(&*store, "Why?", "Because.").await;
        let mut again = new_answer(id, None, "");
        again.question = load(&*store, id).await.questions.remove(0);
        again.answer.question = again.question.id;
        let second = finish(&*store, &again, "For a reason.").await;
        let both = vec![first.id, second.id];
        let (_, other) = chat(&*store, "Other?", "Other.").await;
        let shown = async || {
            let conversation = load(&*store, id).await;
            (conversation.leaf, conversation.leaves)
        };
        for wrong in [vec![], vec![first.id, other.id], vec![first.id, AnswerId::now()]] {
            assert!(!change(&*store, id, ConversationChange::Leaves(wrong)).await);
        }
        assert_eq!(shown().await, (Some(second.id), vec![]));
        assert!(change(&*store, id, ConversationChange::Leaves(both.clone())).await);
        assert_eq!(shown().await, (Some(first.id), both.clone()));
        assert!(change(&*store, id, ConversationChange::Leaf(second.id)).await);
        assert_eq!(shown().await, (Some(second.id), vec![]));
        assert!(change(&*store, id, ConversationChange::Leaves(both)).await);
        let next = new_answer(id, Some(second.id), "And then?");
        finish(&*store, &next, "Nothing.").await;
        assert_eq!(shown().await, (Some(next.answer.id), vec![]));
    })
    .await;
}

#[tokio::test]
async fn ids_are_listed_with_the_oldest_first() {
    each_store(async |store| {
        let mut ids = Vec::new();
        for day in [2, 0, 1] {
            ids.push(chat_at(&*store, MIDNIGHT + day * DAY_MS).await);
        }
        assert_eq!(store.list_ids(&ME).await.unwrap(), ids, "by when they were begun");
        assert!(change(&*store, ids[1], ConversationChange::Deleted(true)).await);
        assert_eq!(store.list_ids(&ME).await.unwrap(), [ids[0], ids[2]]);
    })
    .await;
}
