//! The list of models: asked for once, however many want it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use runnel::models::ModelInfo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::test_app::{TestApp, eventually};

const LIST: &str = r#"{"data": [{"id": "one/model"}]}"#;

/// An upstream that holds back its first answer until it is told, and counts who asks.
struct SlowUpstream {
    base_url: String,
    answer_now: oneshot::Sender<()>,
    requests: Arc<AtomicUsize>,
}

impl SlowUpstream {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (answer_now, told) = oneshot::channel();
        let requests = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            let told = Arc::new(Mutex::new(Some(told)));
            while let Ok((mut socket, _)) = listener.accept().await {
                let told = Arc::clone(&told);
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let read = socket.read(&mut request).await.unwrap_or_default();
                    // Runnel looks whether its upstream is there; that is not asking for the list.
                    if read == 0 || request.starts_with(b"HEAD ") {
                        return;
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    let told = told.lock().unwrap().take();
                    if let Some(told) = told {
                        told.await.unwrap();
                    }
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                    let response = format!("{head}content-length: {}\r\n\r\n{LIST}", LIST.len());
                    socket.write_all(response.as_bytes()).await.unwrap();
                });
            }
        });
        Self { base_url, answer_now, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_want_the_list_share_one_request() {
    let upstream = SlowUpstream::start().await;
    let app = TestApp::start_in_front_of(&upstream.base_url, |_| ()).await;
    let list =
        async || -> Vec<ModelInfo> { app.post("/api/list_models", &json!({})).await.json().await.unwrap() };
    let gone = tokio::spawn(app.http.post(app.url("/api/list_models")).json(&json!({})).send());
    eventually("the first one asks", async || upstream.requests() == 1).await;
    // Who asked first goes away, and the answer is everybody's.
    gone.abort();
    let all = join_all((0..20).map(|_| list()));
    let (lists, ()) = tokio::join!(all, async {
        for _ in 0..20 {
            app.get("/healthz").await;
        }
        upstream.answer_now.send(()).unwrap();
    });
    assert!(lists.iter().all(|list| list.len() == 1 && list[0].id == "one/model"));
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 1);
}
