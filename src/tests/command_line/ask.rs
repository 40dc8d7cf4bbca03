//! `runnel ask`: what it prints, its exit codes, and how it is stopped.

use super::*;

#[tokio::test]
async fn ask_prints_text_as_it_arrives() {
    let asking = Asking::start().await;
    let mut program = Program::start(&mut asking.ask("demo/stall", &["Print what you have"]));
    program.says(BEFORE_SILENCE).await;
    assert!(program.has_ended().is_none());
    assert_eq!(asking.tally("Print what you have").await.open, 1);
}

#[tokio::test]
async fn ask_prints_the_answer_and_nothing_else() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/echo", &["Grüße, 世界"])).await;
    assert_eq!((ended.code, ended.output.as_str(), ended.errors.as_str()), (Some(0), "Grüße, 世界\n", ""));
}

#[tokio::test]
async fn ask_passes_the_system_prompt_on() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/context", &["--system", "Be brief.", "Hello"])).await;
    let context: Value = serde_json::from_str(&ended.output).unwrap();
    assert_eq!(
        context["messages"],
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])
    );
}

#[tokio::test]
async fn standard_input_joins_the_question_or_stands_for_it() {
    let asking = Asking::start().await;
    for (arguments, expected) in
        [(vec!["Summarise this:"], "Summarise this:\n\nA long text.\n"), (vec![], "A long text.\n")]
    {
        let mut program = Program::start(asking.ask("demo/echo", &arguments).stdin(Stdio::piped()));
        program.child.stdin.take().unwrap().write_all(b"A long text.").unwrap();
        let ended = program.ended().await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), expected), "{ended:?}");
    }
}

#[tokio::test]
async fn ask_without_a_question_says_how_to_ask() {
    let asking = Asking::start().await;
    for arguments in [vec![], vec!["  "]] {
        let ended = run(&mut asking.ask("demo/echo", &arguments)).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains("runnel ask"), "{}", ended.errors);
    }
    assert_eq!(asking.stats().await["requests"], 0);
}

#[tokio::test]
async fn exit_codes_tell_the_kinds_of_error_apart() {
    let asking = Asking::start().await;
    let cases = [
        ("demo/error-401", 3, AnswerErrorKind::WrongKey),
        ("demo/error-402", 4, AnswerErrorKind::NoCredit),
        ("demo/error-404", 5, AnswerErrorKind::UnknownModel),
        ("demo/error-429-long", 6, AnswerErrorKind::RateLimited),
        ("demo/midstream-documented-after-text", 7, AnswerErrorKind::ProviderDown),
        ("demo/error-context", 8, AnswerErrorKind::TooLong),
        ("demo/error-403", 9, AnswerErrorKind::Refused),
        ("demo/error-400", 10, AnswerErrorKind::BadRequest),
        ("demo/cut", 12, AnswerErrorKind::CutOff),
        ("demo/error-not-json", 13, AnswerErrorKind::Unreadable),
    ];
    for (model, code, kind) in cases {
        let ended = run(&mut asking.ask(model, &["How do you fail?"])).await;
        assert_eq!(ended.code, Some(code), "{model}: {ended:?}");
        assert!(ended.errors.contains(kind.sentence()), "{model}: {}", ended.errors);
        assert!(ended.errors.contains(kind.advice(true)), "{model}: {}", ended.errors);
        let keeps_text = ["demo/cut", "demo/midstream-documented-after-text"].contains(&model);
        assert_eq!(ended.output.ends_with('\n'), keeps_text, "{model}: {}", ended.output);
    }
    // After all attempts, which take some seconds.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    let ended = run(&mut runnel(&["ask", "--base-url", &base_url, "-m", "any", "Hello"])).await;
    assert_eq!(ended.code, Some(11), "{ended:?}");
    assert!(ended.errors.contains("(4 of 4)"), "{}", ended.errors);
}

/// `runnel ask` without a model, so that the first of the upstream's list is wanted.
async fn ask_any_model_of(base_url: &str, key: Option<&str>) -> Ended {
    let mut command = runnel(&["ask", "--base-url", base_url, "Anybody?"]);
    command.envs(key.map(|key| ("OPENROUTER_API_KEY", key)));
    run(&mut command).await
}

#[tokio::test]
async fn ask_says_why_there_is_no_list_to_choose_a_model_from() {
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    let unreachable = ask_any_model_of(&base_url, None).await;
    assert_eq!(unreachable.code, Some(11), "{unreachable:?}");
    assert!(unreachable.errors.contains(AnswerErrorKind::Unreachable.sentence()), "{}", unreachable.errors);
    assert!(unreachable.errors.contains("OPENROUTER_BASE_URL"), "{}", unreachable.errors);

    let json = ["content-type: application/json"];
    let body = r#"{"error":{"code":401,"message":"User not found."}}"#;
    let upstream = RawUpstream::with_response("401 Unauthorized", &json, body).await;
    let refused = ask_any_model_of(&upstream.base_url(), Some(KEY)).await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.errors.contains(AnswerErrorKind::WrongKey.sentence()), "{}", refused.errors);
    assert!(refused.errors.contains("OPENROUTER_API_KEY"), "{}", refused.errors);

    for (status, body) in [("200 OK", r#"{"data":[]}"#), ("404 Not Found", r#"{"detail":"Not Found"}"#)] {
        let upstream = RawUpstream::with_response(status, &json, body).await;
        let unlisted = ask_any_model_of(&upstream.base_url(), None).await;
        assert_eq!(unlisted.code, Some(5), "{status}: {unlisted:?}");
        assert!(unlisted.errors.contains(&upstream.base_url()), "{status}: {}", unlisted.errors);
        assert!(unlisted.errors.contains("--model"), "{status}: {}", unlisted.errors);
    }
    for errors in [unreachable.errors, refused.errors] {
        assert!(!errors.contains("Choose a model") && !errors.contains("kept"), "{errors}");
    }
}

#[tokio::test]
async fn ask_says_that_what_was_written_is_kept_only_if_something_was() {
    let asking = Asking::start().await;
    for (model, is_kept) in [("demo/cut", true), ("demo/stall-first", false)] {
        let ended = run(&mut asking.ask(model, &["--idle-timeout", "0.3", "How much?"])).await;
        assert_eq!(ended.code, Some(12), "{model}: {ended:?}");
        assert!(ended.errors.contains("Try again."), "{model}: {}", ended.errors);
        assert_eq!(ended.errors.contains("What was written is kept."), is_kept, "{model}: {}", ended.errors);
    }
}

#[tokio::test]
async fn ask_tells_that_an_answer_was_cut_off_at_its_length() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/length", &["Tell me everything"])).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.errors, "Cut off at the token limit.\n");
}

#[tokio::test]
async fn ask_gives_up_after_its_timeout_and_closes_the_upstream() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/stall", &["--timeout", "2", "How long?"])).await;
    assert_eq!(ended.code, Some(124), "{ended:?}");
    assert!(ended.output.starts_with(BEFORE_SILENCE), "{}", ended.output);
    assert!(!ended.errors.is_empty());
    eventually("the stream is closed", async || {
        let tally = asking.tally("How long?").await;
        (tally.open, tally.aborted) == (0, 1)
    })
    .await;
}

#[tokio::test]
async fn the_timeout_of_ask_holds_while_the_model_is_being_chosen_too() {
    let upstream = RawUpstream::silent().await;
    let ended =
        run(&mut runnel(&["ask", "--base-url", &upstream.base_url(), "--timeout", "1", "Anybody?"])).await;
    assert_eq!(ended.code, Some(124), "{ended:?}");
}

#[tokio::test]
async fn ctrl_c_ends_ask_with_130_and_closes_the_upstream() {
    let asking = Asking::start().await;
    for (model, text) in [("demo/stall", BEFORE_SILENCE), ("demo/hang", "")] {
        let prompt = format!("Never mind, {model}");
        let program = Program::start(&mut asking.ask(model, &[&prompt]));
        program.says(text).await;
        eventually("the stream is open", async || asking.tally(&prompt).await.open == 1).await;
        program.signal("INT");
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(130), "{ended:?}");
        assert_eq!(ended.output.trim_end(), text);
        eventually("the stream is closed", async || {
            let tally = asking.tally(&prompt).await;
            (tally.open, tally.aborted) == (0, 1)
        })
        .await;
    }
}

#[tokio::test]
async fn ctrl_c_ends_ask_although_nobody_reads_its_output() {
    let asking = Asking::start().await;
    // 23 MB: more than a pipe and the buffers of a connection hold.
    let prompt = "[[delta_ms=0 characters=4096 repeat=2000]] Into the void";
    let mut command = asking.ask("demo/long", &[prompt]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let unread = child.stdout.take().unwrap();
    let mut program =
        Program { child, output: Pipe::read(std::io::empty()), errors: Pipe::read(std::io::empty()) };
    eventually("the stream is open", async || asking.tally("Into the void").await.open == 1).await;
    let (id, still) = (program.child.id(), Cell::new((None, 0)));
    eventually("the program stands still", async || {
        let (before, count) = still.get();
        let now = processor_time(id);
        still.set((now, if now == before { count + 1 } else { 0 }));
        still.get().1 > 50
    })
    .await;
    assert!(program.has_ended().is_none());
    program.signal("INT");
    let child = Mutex::new(&mut program.child);
    eventually("the program ends", async || child.lock().unwrap().try_wait().unwrap().is_some()).await;
    assert_eq!(program.has_ended().unwrap().code(), Some(130));
    drop(unread);
}

/// The processor time that a process has used, as the kernel counts it; nothing where that is not told.
fn processor_time(id: u32) -> Option<u64> {
    let line = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<_> = line.rsplit(") ").next()?.split(' ').collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

#[tokio::test]
async fn stats_come_on_standard_error() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "What does this cost?"])).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "What does this cost?\n"));
    for word in
        ["model demo/echo", "provider Demo", "first token", "tokens", "cost $", "20 characters", "stop"]
    {
        assert!(ended.errors.contains(word), "{word}: {}", ended.errors);
    }
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "[[characters=9]] Once"])).await;
    assert!(ended.errors.contains("4 characters in 1 chunk ·"), "{}", ended.errors);
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "[[repeat=1000 characters=4]] Ofte"])).await;
    assert!(ended.errors.contains("4,000 characters in 1,000 chunks ·"), "{}", ended.errors);
}

#[tokio::test]
async fn without_key_and_base_url_ask_is_answered_by_the_demo() {
    let ended = run(&mut runnel(&["ask", "[[delta_ms=0]] What is this?"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.starts_with("Welcome to Runnel. You asked:"), "{}", ended.output);
}
