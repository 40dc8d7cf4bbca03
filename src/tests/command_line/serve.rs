//! Starting, refusing to start, and being stopped.

use super::*;

#[tokio::test]
async fn a_key_that_is_not_openrouters_is_refused_with_help_and_not_repeated() {
    let wrong = "sk-proj-something-else";
    for (ended, how) in [
        (run(runnel(&[]).env("OPENROUTER_API_KEY", wrong)).await, "environment"),
        (run(&mut runnel(&["--api-key", wrong])).await, "flag"),
        (run(&mut runnel(&["ask", "--api-key", wrong, "Hello"])).await, "ask"),
    ] {
        assert_eq!(ended.code, Some(1), "{how}: {ended:?}");
        for word in ["OPENROUTER_API_KEY", "sk-or-", "https://openrouter.ai/keys", "OPENROUTER_BASE_URL"] {
            assert!(ended.errors.contains(word), "{how}: {}", ended.errors);
        }
        assert!(!ended.errors.contains("something-else") && ended.output.is_empty(), "{how}: {ended:?}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_refused_and_not_repeated() {
    let ended = run(runnel(&[]).env("OPENROUTER_API_KEY", "sk-or-v1-sec\nret")).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("API key") && !ended.errors.contains("ret"), "{}", ended.errors);
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused_with_an_example() {
    let ended = run(runnel(&[]).env("OPENROUTER_BASE_URL", "localhost:8080")).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("\u{201c}localhost:8080\u{201d} is not a valid URL"), "{}", ended.errors);
    assert!(ended.errors.contains("http://127.0.0.1:8080/v1"), "{}", ended.errors);
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [vec!["--listen", &address], vec!["demo-upstream", "--at", &address]] {
        let ended = run(&mut runnel(&arguments)).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(&address) && ended.errors.contains("is taken"), "{}", ended.errors);
        assert!(ended.errors.contains(arguments[arguments.len() - 2]), "names the flag: {}", ended.errors);
    }
}

#[tokio::test]
async fn demo_upstream_prints_its_address_and_serves_there() {
    let program = Program::start(&mut runnel(&["demo-upstream", "--at", "127.0.0.1:0", "--delta-ms", "0"]));
    let base_url = program.address().await;
    let ended =
        run(&mut runnel(&["ask", "--base-url", &base_url, "-m", "demo/echo", "Through two programs"])).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "Through two programs\n"), "{ended:?}");
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn without_key_and_base_url_it_starts_in_demo_mode_and_answers() {
    let program = Program::start(&mut runnel(&["--listen", "127.0.0.1:0"]));
    let address = program.address().await;
    program.says("demo mode").await;
    program.says("OPENROUTER_API_KEY").await;
    let body = json!({"question": {"text": "[[delta_ms=0]] Are you a demo?"}});
    let response =
        http_client().post(format!("{address}/api/send_message")).json(&body).send().await.unwrap();
    let reader = Reader::new(response, AnswerId::now(), Seq::START).finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert!(
        reader.answer.text().starts_with("Welcome to Runnel. You asked:\n\n> Are you a demo?"),
        "{}",
        reader.answer.text()
    );
    let page = http_client().get(&address).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Demo: answers come from Runnel itself"), "{page}");
}

#[tokio::test]
async fn it_stops_when_told_to_although_a_stream_is_open() {
    let asking = Asking::start().await;
    for (signal, prompt) in [("TERM", "Until SIGTERM"), ("INT", "Until SIGINT")] {
        let mut command = runnel(&["--listen", "127.0.0.1:0"]);
        command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("RUNNEL_SHUTDOWN_GRACE", "0.1");
        let program = Program::start(&mut command);
        let address = program.address().await;
        let message = message("demo/stall", prompt);
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let mut reader = Reader::new(request.send().await.unwrap(), message.answer, Seq::START);
        reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
        program.signal(signal);
        let reader = reader.finished().await;
        assert_eq!(
            (reader.status(), reader.answer.text().as_ref()),
            (EndStatus::Interrupted, BEFORE_SILENCE)
        );
        let ended = program.ended().await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{signal}");
        eventually("the upstream stream is closed", async || asking.tally(prompt).await.aborted == 1).await;
    }
}

#[tokio::test]
async fn a_port_is_address_enough() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    assert!(program.address().await.starts_with("http://127.0.0.1:"));
    for bad in ["chat.example.com", "127.0.0.1", "99999"] {
        let ended = run(&mut runnel(&["--listen", bad])).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains("such as 3000"), "{}", ended.errors);
    }
}

#[tokio::test]
async fn the_example_of_the_readme_works_in_demo_mode() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    let address = program.address().await;
    let (_, example) = include_str!("../../../README.md").split_once("/api/send_message").unwrap();
    let body = example.split('\'').nth(3).unwrap();
    let sent: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"));
    let request = http_client().post(format!("{address}/api/send_message")).json(&sent);
    let id = serde_json::from_value(sent["answer"].clone()).unwrap();
    let reader = Reader::new(request.send().await.unwrap(), id, Seq::START).finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
}

#[tokio::test]
async fn the_key_is_in_no_output_however_much_is_logged() {
    let asking = Asking::start().await;
    let mut command = runnel(&["--listen", "127.0.0.1:0"]);
    command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("OPENROUTER_API_KEY", KEY);
    let program = Program::start(command.env("RUST_LOG", "trace"));
    let address = program.address().await;
    let mut seen = Vec::new();
    for model in ["demo/error-leak", "demo/echo", "demo/error-500-unknown", "demo/cut-reset"] {
        let message = message(model, "Do not tell");
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let response = request.send().await.unwrap();
        seen.push(format!("{:?}", response.headers()));
        let reader = Reader::new(response, message.answer, Seq::START).finished().await;
        seen.push(String::from_utf8(reader.body).unwrap());
        for path in [format!("/c/{}", message.conversation), "/".into()] {
            seen.push(
                http_client().get(format!("{address}{path}")).send().await.unwrap().text().await.unwrap(),
            );
        }
        let models = http_client().post(format!("{address}/api/list_models")).json(&json!({}));
        seen.push(models.send().await.unwrap().text().await.unwrap());
    }
    assert_eq!(asking.stats().await["last_request"]["headers"]["authorization"]["present"], true);
    program.signal("TERM");
    let ended = program.ended().await;
    assert!(ended.errors.contains("TRACE"), "{}", ended.errors);
    seen.extend([ended.output, ended.errors]);

    let mut command = asking.ask("demo/error-leak", &["--stats", "Do not tell"]);
    let ended = run(command.env("OPENROUTER_API_KEY", KEY).env("RUST_LOG", "trace")).await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.errors.contains("[key]"), "{}", ended.errors);
    seen.extend([ended.output, ended.errors]);
    for text in seen {
        assert!(!text.contains(KEY), "{text}");
    }
}
