//! A full disk, few files and little memory.

use super::*;
use crate::store_faults::disks::{Disk, fill};
use crate::store_faults::run_sql;

/// Two answers of 2 MB on a disk of 3 MB: neither the database nor the log has space for both.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_full_disk_did_not_take_is_told_and_not_lost_when_there_is_space() {
    let asking = Asking::start().await;
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(folder.path(), "size=3m") else { return };
    let start = |grace: &str| {
        let mut command = runnel(&["--listen", "127.0.0.1:0"]);
        command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("RUNNEL_SHUTDOWN_GRACE", grace);
        Program::start(command.env("RUNNEL_DATABASE_URL", folder.path().join("runnel.db")))
    };
    let program = start("0.1");
    let address = program.address().await;
    let mut messages = Vec::new();
    for prompt in ["The first", "The second"] {
        let message = message("demo/long", &format!("[[delta_ms=0 characters=4096 repeat=176]] {prompt}"));
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let reader = Reader::new(request.send().await.unwrap(), message.answer, Seq::START).finished().await;
        assert_eq!(reader.status(), EndStatus::Complete);
        messages.push((message, reader));
    }
    assert!(messages[0].1.answer.text().len() > 1_900_000, "{}", messages[0].1.answer.text().len());
    let untold = messages.iter().filter(|(_, reader)| reader.end().unkept.is_none()).count();
    assert!(untold < 2, "the disk had space for both");
    program.signal("TERM");
    program.says("not kept yet").await;
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("Free some space, then start Runnel again"), "{}", ended.errors);

    // Nothing that was told to be kept is lost, and what the log has is there as soon as there is space.
    assert!(
        Command::new("mount").args(["-o", "remount,size=64m"]).arg(folder.path()).status().unwrap().success()
    );
    let program = start("30");
    let address = program.address().await;
    let mut found = 0;
    for (message, reader) in &messages {
        let url = format!("{address}/api/follow_answer?id={}", message.answer);
        let response = http_client().get(url).send().await.unwrap();
        let kept = Reader::new(response, message.answer, Seq::START).finished().await;
        if reader.end().unkept.is_none() {
            assert!(kept.answer.text() == reader.answer.text(), "what was told to be kept is lost");
        } else {
            assert!(reader.answer.text().starts_with(kept.answer.text().as_ref()));
        }
        found += kept.answer.text().len();
    }
    assert!(found > 1_000_000, "{found} bytes: the log was dropped");

    // Told to stop while the disk is full, it goes on trying, and ends well once there is space.
    // What the write-ahead log has free would be room enough for a question.
    run_sql(&folder.path().join("runnel.db"), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let ballast = fill(folder.path());
    let message = message("demo/echo", "Is there room now?");
    let request = http_client().post(format!("{address}/api/send_message")).json(&message);
    // The question itself finds no room.
    assert_eq!(request.send().await.unwrap().status(), 500);
    std::fs::remove_file(&ballast).unwrap();
    let stalled = crate::test_app::message("demo/stall", "Room for the question");
    let request = http_client().post(format!("{address}/api/send_message")).json(&stalled);
    let mut reader = Reader::new(request.send().await.unwrap(), stalled.answer, Seq::START);
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let ballast = fill(folder.path());
    let request =
        http_client().post(format!("{address}/api/stop_answer")).json(&json!({"id": stalled.answer}));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(reader.finished().await.end().unkept.is_some());
    program.signal("TERM");
    program.says("not kept yet").await;
    std::fs::remove_file(ballast).unwrap();
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

/// `runnel` in a shell that sets its limit of open files first, as `ulimit` does with these arguments.
fn runnel_with_files(ulimit: &str) -> Command {
    let serve = runnel(&[]);
    let script = format!("ulimit {ulimit} && exec \"$0\" --listen 0");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(serve.get_program()).env_clear().stdin(Stdio::null());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_allows() {
    let program = Program::start(&mut runnel_with_files("-Sn 64"));
    program.address().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.child.id())).unwrap();
    let files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "{limits}");
}

#[tokio::test]
async fn a_flood_of_unfinished_heads_takes_no_file_from_who_is_connected() {
    let program = Program::start(&mut runnel_with_files("-n 128"));
    let address = program.address().await;
    let address = address.strip_prefix("http://").unwrap();
    let mut connected = TcpStream::connect(address).await.unwrap();
    connected.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut connected, "ok\n").await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Whoever is refused may have been closed already.
        let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: local").await;
        flood.push(socket);
    }
    let body = json!({"question": {"text": "[[delta_ms=0]] Is there room for the store and the upstream?"}})
        .to_string();
    let request = format!(
        "POST /api/send_message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connected.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut connected, "\"end\":").await;
    assert!(answer.contains("\"status\":\"complete\""), "{answer}");
    drop(flood);
    program.signal("TERM");
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.errors.matches("too many connections").count();
    assert!((1..30).contains(&told), "the log tells of refusals, and not of each: {}", ended.errors);
    assert!(ended.errors.contains("128 open files"), "{}", ended.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_requests_at_once_do_not_fill_the_memory() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    let address = program.address().await;
    let id = program.child.id();
    let before = peak_memory(id);
    // A draft that is too long: it is read whole, and nothing is done with it.
    let draft = json!({"id": ConversationId::now(), "change": {"draft": "x".repeat((8 << 20) - 200)}});
    let body = bytes::Bytes::from(draft.to_string());
    let sending = (0..40).map(|_| {
        let request = http_client().post(format!("{address}/api/change_conversation"));
        request.header("content-type", "application/json").body(body.clone()).send()
    });
    for response in futures::future::join_all(sending).await {
        assert_eq!(response.unwrap().status(), 413);
    }
    let grown = (peak_memory(id) - before) >> 20;
    assert!(grown < 256, "40 requests of 8 MiB took {grown} MiB");
}

/// The most memory that a process has had, in bytes.
fn peak_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// What comes up to these words and the end of their line.
async fn read_until(socket: &mut TcpStream, words: &str) -> String {
    let mut heard = String::new();
    while !heard.split_once(words).is_some_and(|(_, rest)| words.ends_with('\n') || rest.contains('\n')) {
        let mut piece = [0; 4096];
        let count = tokio::time::timeout(PATIENCE, socket.read(&mut piece)).await.expect("silence").unwrap();
        assert!(count > 0, "closed after {heard:?}");
        heard.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    heard
}
