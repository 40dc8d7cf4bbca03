//! Searching: every word has to be there, and nothing that is typed is anything but words.

use proptest::prelude::*;
use runnel::chat::{AnswerId, ConversationId, QuestionId};
use runnel::conversation_list::{ConversationChange, FoundIn, SearchHit};
use runnel::server::store::{NewAnswer, Store};

use super::{ME, MIDNIGHT, Place, begin, chat, each_store, ended, finish, new_answer, say};

const ANY: u32 = 100;

async fn find(store: &dyn Store, query: &str) -> Vec<SearchHit> {
    store.search(&ME, query, ANY).await.unwrap_or_else(|error| panic!("{query:?}: {error}"))
}

async fn found_in(store: &dyn Store, query: &str) -> Vec<FoundIn> {
    find(store, query).await.into_iter().map(|hit| hit.message).collect()
}

/// A conversation whose title says nothing, with one question and one answer.
async fn untitled(store: &dyn Store, question: &str, answer: &str) -> (ConversationId, QuestionId, AnswerId) {
    let (id, answer) = chat(store, question, answer).await;
    store.change_conversation(&ME, id, &ConversationChange::Title("…".to_owned()), MIDNIGHT).await.unwrap();
    (id, answer.question, answer.id)
}

#[tokio::test]
async fn a_hit_leads_to_the_message_and_shows_the_words_around_the_place() {
    each_store(async |store| {
        let hay = "hay ".repeat(100);
        let (id, question, answer) =
            untitled(&*store, "Where is the needle?", &format!("{hay}a Needle\nis here {hay}")).await;
        let hits = find(&*store, "needle").await;
        let [in_answer, in_question] = &hits[..] else { panic!("{hits:?}") };
        assert_eq!(in_answer.message, FoundIn::Answer(answer));
        assert_eq!(in_question.message, FoundIn::Question(question));
        assert_eq!(in_question.excerpt, "Where is the needle?");
        assert!(in_answer.excerpt.contains("a Needle is here"), "{}", in_answer.excerpt);
        assert!(in_answer.excerpt.len() < 200, "{}", in_answer.excerpt);
        for hit in hits {
            assert_eq!((hit.conversation, hit.title.as_str()), (id, "…"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_word_may_be_a_beginning_and_all_words_have_to_be_in_one_message() {
    each_store(async |store| {
        let (_, question, answer) =
            untitled(&*store, "How do rivers freeze?", "Streams freeze from the surface.").await;
        let question = [FoundIn::Question(question)];
        let answer = [FoundIn::Answer(answer)];
        assert_eq!(found_in(&*store, "riv").await, question);
        assert_eq!(found_in(&*store, "freeze riv").await, question);
        assert_eq!(found_in(&*store, "  freeze \t surf ").await, answer);
        assert_eq!(found_in(&*store, "fre").await.len(), 2);
        for nothing in ["riv freeze", "rivers surface", "ivers", "frozen"] {
            assert_eq!(found_in(&*store, nothing).await, [], "{nothing}");
        }
    })
    .await;
}

#[tokio::test]
async fn words_in_quotation_marks_stand_together() {
    each_store(async |store| {
        let (_, question, _) = untitled(&*store, "the quick brown fox jumps", "no").await;
        let question = [FoundIn::Question(question)];
        for query in
            ["\"quick brown\"", "“brown fox”", "jumps \"the quick\"", "\"quick brown\" ju", "\"quick"]
        {
            assert_eq!(found_in(&*store, query).await, question, "{query}");
        }
        for query in ["\"brown quick\"", "\"quick fox\"", "\"quick bro\"", "\"quick brown\" cat"] {
            assert_eq!(found_in(&*store, query).await, [], "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn case_and_diacritics_do_not_matter() {
    each_store(async |store| {
        let (_, question, _) = untitled(&*store, "Ein naïves Café in ZÜRICH, ΑΘΗΝΑ и Москва", "no").await;
        for query in ["naives cafe", "NAÏVES CAFÉ", "zurich", "zürich", "αθηνα", "МОСКВА", "cafe\u{301}"]
        {
            assert_eq!(found_in(&*store, query).await, [FoundIn::Question(question)], "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_typed_is_never_an_operator() {
    each_store(async |store| {
        let (_, question, _) =
            untitled(&*store, "this OR that AND those NOT near*by text:x it's", "no").await;
        let question = [FoundIn::Question(question)];
        for query in [
            "this OR that",
            "those NOT",
            "that AND those",
            "NOT near",
            "near*by",
            "text:x",
            "it's",
            "(this",
            "this)",
            "{this that}",
            "^this",
            "-this",
            "+that",
            "this*",
            "*this",
            "\"this\" \"",
            "th\"is",
            "\u{0}this",
            "this\u{0}",
            "NEAR(this that)",
            "this; DROP TABLE words",
            "%",
            "_",
            "\\",
            "'",
            "''",
            "this\u{0} that",
            "--this",
            "/* this */",
            "?1",
            ":this",
            "@this",
            "$this",
            "\u{feff}",
            "\u{202e}this",
        ] {
            let found = found_in(&*store, query).await;
            assert!(found.is_empty() || found == question, "{query:?}: {found:?}");
        }
        for query in ["this OR that", "(this", "-this", "this*", "near*by", "text:x", "it's", "\u{0}this"] {
            assert_eq!(found_in(&*store, query).await, question, "{query:?}");
        }
        for query in ["this OR missing", "that NOT missing", "missing OR this", "NEAR(this that)"] {
            assert_eq!(found_in(&*store, query).await, [], "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_to_search_for_finds_nothing() {
    each_store(async |store| {
        untitled(&*store, "Anything?", "Something.").await;
        for query in ["", " ", "\"\"", "* - ?", "\u{0}", "…", "🦀", "\u{301}", "Ⓐ", "\u{345}"] {
            assert_eq!(found_in(&*store, query).await, [], "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn titles_come_first_and_then_the_newest() {
    each_store(async |store| {
        let mut ids = Vec::new();
        for (title, now_ms) in
            [("…", MIDNIGHT), ("…", MIDNIGHT + 2), ("A needle", MIDNIGHT - 1), ("Needles", MIDNIGHT)]
        {
            let new = NewAnswer { now_ms, ..new_answer(ConversationId::now(), None, "needle?") };
            finish(&*store, &new, "no").await;
            store.suggest_title(&ME, new.conversation, title).await.unwrap();
            ids.push(new.conversation);
        }
        let hits = find(&*store, "needle").await;
        let titles: Vec<_> = hits.iter().map(|hit| hit.message == FoundIn::Title).collect();
        assert_eq!(titles, [true, true, false, false, false, false]);
        let found: Vec<_> = hits.iter().map(|hit| hit.conversation).collect();
        assert_eq!(found[..3], [ids[3], ids[2], ids[1]]);
        assert_eq!(found[5], ids[2]);
        assert_eq!((hits[0].title.as_str(), hits[0].excerpt.as_str()), ("Needles", ""));
        for limit in 0..6 {
            assert_eq!(store.search(&ME, "needle", limit).await.unwrap(), hits[..limit as usize]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_found_once_it_has_ended() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "?");
        begin(&*store, &new).await;
        assert_eq!(found_in(&*store, "needle").await, []);
        store.finish_answer(&ended(&new.answer, "A needle."), MIDNIGHT).await.unwrap();
        assert_eq!(found_in(&*store, "needle").await, [FoundIn::Answer(new.answer.id)]);
        store.finish_answer(&ended(&new.answer, "A pin."), MIDNIGHT).await.unwrap();
        assert_eq!(found_in(&*store, "needle").await, []);
        assert_eq!(found_in(&*store, "pin").await, [FoundIn::Answer(new.answer.id)]);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_found_by_its_title_and_not_by_an_earlier_one() {
    each_store(async |store| {
        let (id, _) = chat(&*store, "oldest", "no").await;
        assert_eq!(found_in(&*store, "oldest").await[0], FoundIn::Title);
        assert!(store.suggest_title(&ME, id, "older").await.unwrap());
        assert_eq!(found_in(&*store, "older").await, [FoundIn::Title]);
        let named = ConversationChange::Title("newest".to_owned());
        assert!(store.change_conversation(&ME, id, &named, MIDNIGHT).await.unwrap());
        assert_eq!(found_in(&*store, "older").await, []);
        assert_eq!(found_in(&*store, "newest").await, [FoundIn::Title]);
        assert!(!store.suggest_title(&ME, id, "refused").await.unwrap());
        assert_eq!(found_in(&*store, "refused").await, []);
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_is_not_found_until_that_is_undone() {
    each_store(async |store| {
        let (id, _) = chat(&*store, "needle", "needle").await;
        let before = find(&*store, "needle").await;
        assert_eq!(before.len(), 3);
        store.change_conversation(&ME, id, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap();
        assert_eq!(find(&*store, "needle").await, []);
        store.change_conversation(&ME, id, &ConversationChange::Deleted(false), MIDNIGHT).await.unwrap();
        assert_eq!(find(&*store, "needle").await, before);
    })
    .await;
}

#[tokio::test]
async fn the_words_of_what_is_purged_lead_nowhere_else() {
    each_store(async |store| {
        let (id, answer) = chat(&*store, "needle", "needle").await;
        say(&*store, id, Some(answer.id), "needle", "needle").await;
        store.change_conversation(&ME, id, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap();
        assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);
        // A database may give the places of what is gone to what comes.
        let (id, answer) = chat(&*store, "pin", "pin").await;
        say(&*store, id, Some(answer.id), "pin", "pin").await;
        assert_eq!(find(&*store, "needle").await, []);
        assert_eq!(find(&*store, "pin").await.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_query_may_be_long() {
    each_store(async |store| {
        let words = (0..250).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
        let (_, question, _) = untitled(&*store, &words, "no").await;
        let found = [FoundIn::Question(question)];
        assert!(words.len() > 1000);
        assert_eq!(found_in(&*store, &words).await, found);
        assert_eq!(found_in(&*store, &format!("\"{words}\"")).await, found);
        assert_eq!(found_in(&*store, &"w1 ".repeat(400)).await, found);
        let with_more = format!("{words} nowhere");
        assert_eq!(found_in(&*store, &with_more).await, found, "only so many words count");
        for part in ["a", "a ", "é ", "\"", "\"a\" ", "(", "* ", "NOT ", "🦀 ", "\u{0}", "a\"b "] {
            assert_eq!(found_in(&*store, &part.repeat(1000)).await, [], "{part:?}");
        }
    })
    .await;
}

/// Not only letters: much of what means something to a database, and of what is hard to see.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "(?s).{0,60}",
        "[a-c \"*():^+{}%_'\\\\\u{0}-]{0,40}",
        "((NOT|AND|OR|NEAR|text|[a-c]|\"|\\*|:|\\(|\\)) ?){0,20}",
    ]
}

#[test]
fn any_string_can_be_kept_and_searched_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for place in Place::one_of_each_kind() {
        let store = runtime.block_on(place.open());
        proptest!(ProptestConfig::with_cases(200), |(question in any_text(), answer in any_text(), query in any_text())| {
            runtime.block_on(async {
                chat(&*store, &question, &answer).await;
                for query in [&query, &question, &answer] {
                    let hits = store.search(&ME, query, ANY).await;
                    prop_assert!(hits.is_ok(), "{:?}: {:?}", query, hits);
                }
                Ok(())
            })?;
        });
    }
}

#[test]
fn a_message_is_found_by_its_words_and_by_all_of_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for place in Place::one_of_each_kind() {
        let store = runtime.block_on(place.open());
        proptest!(ProptestConfig::with_cases(50), |(words in prop::collection::vec("[a-z]{1,6}", 1..8))| {
            runtime.block_on(async {
                let (_, question, _) = untitled(&*store, &words.join(" "), "").await;
                let query = format!("\"{}\" {}", words.join(" "), words.join(" "));
                let found = found_in(&*store, &query).await;
                prop_assert!(found.contains(&FoundIn::Question(question)), "{:?}", words);
                Ok(())
            })?;
        });
    }
}
