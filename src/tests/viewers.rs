//! What one user does, and another one asks for.

use std::sync::Arc;

use runnel::api::ApiErrorKind;
use runnel::chat::{AnswerId, ConversationId, EndStatus, Seq};
use runnel::conversation_list::ConversationChange;
use runnel::server::App;
use runnel::server::answers::USUAL_ANSWER_BYTES;
use runnel::server::config::{Config, Upstream, UpstreamConfig};
use runnel::server::demo::Demo;
use runnel::server::openrouter::ClientConfig;
use runnel::server::store::SqliteStore;
use runnel::user::{UserId, Viewer};
use tempfile::TempDir;
use uuid::Uuid;

use crate::store_contract::ME;
use crate::test_app::{message, start_demo};

const ANSWERS: u64 = 5;

/// An app without a network in front of it, and what it lives from.
struct Services {
    app: App,
    _demo: Demo,
    _folder: TempDir,
}

async fn start() -> Services {
    let (demo, folder) = (start_demo().await, tempfile::tempdir().unwrap());
    let config = Config {
        upstream: UpstreamConfig {
            server: Upstream::Server(ClientConfig::new(&demo.base_url()).unwrap()),
            default_model: None,
            title_model: None,
        },
        hosts: Vec::new(),
        answer_limit: USUAL_ANSWER_BYTES,
    };
    let store = SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap();
    let app = App::start(config, Arc::new(store)).await.unwrap();
    Services { app, _demo: demo, _folder: folder }
}

#[tokio::test]
async fn a_running_answer_of_another_user_is_as_one_that_never_was() {
    let services = start().await;
    let (answers, conversations) = (services.app.answers(), services.app.conversations());
    let other = Viewer::of(UserId(Uuid::now_v7()));
    let mine = message("demo/stall", "Is this mine alone?");
    answers.send(&ME, mine.clone()).await.unwrap();
    let refusals = |answer: AnswerId, conversation: ConversationId| async move {
        let several = answers.find_several(&other, &[(answer, Seq::START)]).await.unwrap();
        let change = ConversationChange::Deleted(true);
        [
            answers.find(&other, answer, Seq::START).await.unwrap_err(),
            several.into_iter().next().unwrap().found.unwrap_err(),
            answers.stop(&other, answer).await.unwrap_err(),
            conversations.load(&other, conversation).await.unwrap_err(),
            conversations.change(&other, conversation, &change).await.unwrap_err(),
            conversations.fork(&other, answer, ConversationId::now()).await.unwrap_err(),
        ]
    };
    let refused = refusals(mine.answer, mine.conversation).await;
    assert!(refused.iter().all(|error| error.kind == ApiErrorKind::NotFound), "{refused:?}");
    assert_eq!(refused, refusals(AnswerId::now(), ConversationId::now()).await);
    let joined = answers.send(&other, mine.clone()).await.unwrap_err();
    assert_eq!(joined.kind, ApiErrorKind::Conflict, "{joined}");
    assert_eq!(answers.count_running(), 1, "nobody else has stopped it");
    assert_eq!(answers.stop(&ME, mine.answer).await.unwrap(), EndStatus::Stopped);
}

#[tokio::test]
async fn what_one_user_does_is_no_news_for_another() {
    let services = start().await;
    let conversations = services.app.conversations();
    let other = Viewer::of(UserId(Uuid::now_v7()));
    let revision_of = |viewer: Viewer| async move {
        conversations.list(&viewer, 0, 0, None).await.unwrap().unwrap().revision
    };
    let (mine, theirs) = (revision_of(ME).await, revision_of(other).await);
    for _ in 0..ANSWERS {
        let live = services.app.answers().send(&ME, message("demo/echo", "Who hears of it?")).await.unwrap();
        live.ended().await;
    }
    assert!(revision_of(ME).await >= mine + ANSWERS);
    // What the store does for itself after its start may be told to everybody.
    assert!(revision_of(other).await < theirs + ANSWERS);
    let conversations_of = |viewer: Viewer| async move {
        conversations.list(&viewer, 0, 0, None).await.unwrap().unwrap().conversations.len()
    };
    assert_eq!((conversations_of(ME).await, conversations_of(other).await), (5, 0));
}
