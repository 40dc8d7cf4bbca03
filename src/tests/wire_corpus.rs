//! The conformance suite: recorded streams of real servers, each beside the answer it must fold to.
//!
//! It reads `../shared/wire` beside the repository, or the folder that `RUNNEL_WIRE_CORPUS` names, and says
//! so when neither is there.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use runnel::chat::{Answer, AnswerEvent, AnswerId, EndStatus, QuestionId};
use runnel::server::openrouter::AnswerParser;
use runnel::sse::{Decoder, Frame};
use serde_json::{Value, json};

#[test]
fn wire_corpus_every_stream_folds_to_the_expected_answer() {
    let Some(corpus) = corpus() else { return };
    let mut streams = 0;
    for expected_path in files(&corpus.join("expected"), "json") {
        let name = stem(&expected_path);
        let input = read(&corpus.join("samples").join(format!("{name}.sse")));
        let expected: Value = serde_json::from_slice(&read(&expected_path)).unwrap();
        compare(&name, "whole", &fold([input.as_slice()]), &expected);
        compare(&name, "byte by byte", &fold(input.chunks(1)), &expected);
        in_random_pieces(&input, |pieces| compare(&name, "in random pieces", &fold(pieces), &expected));
        streams += 1;
    }
    assert!(streams >= 40, "the corpus holds only {streams} streams with an expected answer");
}

#[test]
fn wire_corpus_every_stream_is_survived_in_any_pieces() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus.join("samples"), "sse") {
        let input = read(&path);
        let whole = fold([input.as_slice()]);
        assert_eq!(whole, fold(input.chunks(1)), "{}", path.display());
        in_random_pieces(&input, |pieces| assert_eq!(whole, fold(pieces), "{}", path.display()));
    }
}

#[test]
fn wire_corpus_the_standards_vectors_decode_as_the_standard_says() {
    let Some(corpus) = corpus() else { return };
    let vectors: [(&str, &[&str]); 16] = [
        ("vec-wpt-bom", &["1", "3"]),
        ("vec-wpt-bom-2", &["2", "3"]),
        ("vec-wpt-comments", &["1\n2\n3\n4"]),
        ("vec-wpt-data-before-eof", &["test1"]),
        ("vec-wpt-empty-event-name", &["data"]),
        ("vec-wpt-event-name", &["x", "x"]),
        ("vec-wpt-field-data", &["", "\n", "test"]),
        ("vec-wpt-field-parsing", &["\0\n 2\n1\n3\n\n4"]),
        ("vec-wpt-leading-space", &["\ttest\n\ntest"]),
        ("vec-wpt-newlines", &["test\n\ntest"]),
        ("vec-wpt-retry-empty", &["test"]),
        ("vec-wpt-unknown-fields", &["test\n\ntest"]),
        ("vec-cr-split", &["A\nB\nC"]),
        ("vec-done-without-blank-line", &[]),
        ("vec-no-space-and-event-lines", &[]),
        ("vec-utf8-split", &[]),
    ];
    for (name, expected) in vectors {
        let input = read(&corpus.join("samples").join(format!("{name}.sse")));
        let whole = data_of([input.as_slice()]);
        // The last three carry chunks; their folding is checked below.
        if !expected.is_empty() {
            assert_eq!(whole, expected, "{name}");
        }
        assert_eq!(whole, data_of(input.chunks(1)), "{name} byte by byte");
        in_random_pieces(&input, |pieces| assert_eq!(whole, data_of(pieces), "{name} in random pieces"));
    }
    for (name, status) in [
        ("vec-done-without-blank-line", "complete"),
        ("vec-no-space-and-event-lines", "complete"),
        ("vec-utf8-split", "interrupted"),
    ] {
        let answer = fold([read(&corpus.join("samples").join(format!("{name}.sse"))).as_slice()]);
        assert_eq!(answer["status"], status, "{name}");
        assert_ne!(answer["text"], "", "{name}");
    }
}

/// The folder of the corpus; says on standard error when there is none.
#[expect(clippy::print_stderr, reason = "a suite that was skipped must not look like one that passed")]
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("RUNNEL_WIRE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wire"), PathBuf::from);
    if folder.join("expected").is_dir() && folder.join("samples").is_dir() {
        return Some(folder);
    }
    eprintln!("wire_corpus: SKIPPED, there is no corpus (set RUNNEL_WIRE_CORPUS to its folder)");
    None
}

/// What a person ends up with, in the corpus's own form.
fn fold<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Value {
    let mut reader = AnswerParser::default();
    let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "any");
    let mut apply = |event: AnswerEvent| {
        answer.apply(answer.seq.next(), &event);
    };
    for piece in pieces {
        reader.push(piece, 1, SystemTime::UNIX_EPOCH, &mut apply);
    }
    apply(AnswerEvent::End(reader.end(2)));
    let end = answer.end().unwrap();
    let status = match end.status {
        EndStatus::Complete => "complete",
        EndStatus::Failed => "failed",
        EndStatus::Interrupted => "interrupted",
        EndStatus::Stopped => "stopped",
    };
    // Only an error that the stream reported counts as one: "the stream broke off" is our own word.
    let error = end.problem.as_ref().filter(|_| end.status == EndStatus::Failed);
    json!({
        "text": answer.text(),
        "reasoning": answer.reasoning(),
        "refusal": answer.content.refusal(),
        "tool_calls": answer.content.tool_calls()
            .map(|call| json!({"name": call.name, "arguments": call.arguments})).collect::<Vec<_>>(),
        "citations": answer.content.citations().map(|citation| citation.url.as_str()).collect::<Vec<_>>(),
        "images": answer.content.images().count(),
        "finish_reason": end.finish_reason,
        "native_finish_reason": end.native_finish_reason,
        "usage": end.usage.as_ref().map(|usage| json!({
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cost": usage.cost,
        })),
        "error": error.map(|problem| problem.message.as_str()),
        "id": answer.source.id,
        "model": answer.source.model,
        "provider": answer.source.provider,
        "bad_events": reader.unreadable_events(),
        "status": status,
    })
}

/// Compares what the expectation names and we fold; `done` and `comments` only inform.
fn compare(name: &str, how: &str, actual: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        if !matches!(field.as_str(), "done" | "comments") {
            assert_eq!(&actual[field], value, "{name}, fed {how}: {field}");
        }
    }
}

fn data_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut data = Vec::new();
    for piece in pieces {
        decoder
            .push(piece, |frame| {
                if let Frame::Event(event) = frame {
                    data.push(event.data);
                }
            })
            .unwrap();
    }
    data
}

fn in_random_pieces(input: &[u8], check: impl Fn(Vec<&[u8]>)) {
    let strategy = proptest::collection::vec(0..=input.len(), 1..40);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) });
    runner
        .run(&strategy, |mut cuts| {
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            check(cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect());
            Ok(())
        })
        .unwrap();
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|known| known == extension)).collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
