//! Who may import whom, read from the source.

use std::fs;
use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files of a module: its parent file, and those in its folder.
fn module(name: &str) -> Vec<PathBuf> {
    let mut files = vec![source().join(format!("{name}.rs"))];
    collect(&source().join(name), &mut files);
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without its documentation and other comments.
fn code(path: &Path) -> String {
    read(path).lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What stands after each `crate::` in the code.
fn paths(code: &str) -> Vec<String> {
    let packed: String = code.split_whitespace().collect();
    packed.split("crate::").skip(1).map(|rest| rest.chars().take(40).collect()).collect()
}

#[test]
fn the_vocabulary_of_both_sides_knows_no_framework() {
    let names = [
        "action",
        "chat",
        "conversation_list",
        "models",
        "error",
        "route",
        "safe_url",
        "settings",
        "sse",
        "tree",
        "user",
    ];
    for name in names {
        let text = read(&source().join(format!("{name}.rs")));
        for framework in ["axum", "sqlx", "web_sys", "leptos", "tokio", "reqwest"] {
            assert!(!text.contains(framework), "{name}.rs knows {framework}");
        }
        for path in paths(&code(&source().join(format!("{name}.rs")))) {
            let known =
                ["chat", "conversation_list", "markdown", "models", "error", "settings", "sse", "tree"];
            assert!(known.iter().any(|module| path.starts_with(module)), "{name}.rs knows crate::{path}");
        }
    }
}

#[test]
fn markdown_knows_no_framework_no_browser_and_nothing_of_ours_but_html_actions_and_addresses() {
    for file in module("markdown") {
        let code = code(&file);
        for framework in ["axum", "sqlx", "web_sys", "wasm_bindgen", "leptos", "tokio", "reqwest"] {
            assert!(!code.contains(framework), "{} knows {framework}", file.display());
        }
        for path in paths(&code) {
            let is_own =
                ["action", "html", "markdown", "safe_url"].iter().any(|module| path.starts_with(module));
            assert!(is_own, "{} knows crate::{path}", file.display());
        }
    }
}

#[test]
fn the_emulator_shares_nothing_with_the_client_that_reads_it() {
    let files = module("server/demo");
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let name = file.display();
        let text = code(&file);
        for path in paths(&text) {
            assert!(path.starts_with("server::demo"), "{name} knows crate::{path}");
        }
        assert!(!text.contains("runnel::"), "{name} knows the library");
        // Out of the module by way of its parents; in a test module one more `super` leads there.
        let packed: String = text.split_whitespace().collect();
        let (body, tests) = packed.split_once("#[cfg(test)]").unwrap_or((&packed, ""));
        let is_parent = file.ends_with("server/demo.rs");
        let forbidden =
            if is_parent { ["super::", "super::super"] } else { ["super::super", "super::{super"] };
        for path in forbidden {
            assert!(!body.contains(path), "{name} leaves its module with {path}");
        }
        assert!(!tests.contains("super::super::super"), "{name} leaves its module in its tests");
    }
}

#[test]
fn the_client_knows_neither_the_chat_service_nor_the_page() {
    for file in module("server/openrouter") {
        for path in paths(&code(&file)) {
            let known = ["chat", "sse", "models", "settings", "error", "server::openrouter"];
            assert!(
                known.iter().any(|module| path.starts_with(module)),
                "{} knows crate::{path}",
                file.display()
            );
        }
    }
}

#[test]
fn the_store_knows_shared_types_alone() {
    for file in module("server/store") {
        for path in paths(&code(&file)) {
            // `clock` makes ids and `files` names files: both know the standard library alone.
            let known = [
                "chat",
                "conversation_list",
                "error",
                "settings",
                "sse",
                "tree",
                "user",
                "server::clock",
                "server::files",
                "server::store",
            ];
            assert!(
                known.iter().any(|module| path.starts_with(module)),
                "{} knows crate::{path}",
                file.display()
            );
        }
    }
}

#[test]
fn the_page_reaches_the_server_only_through_the_api() {
    let mut files = module("ui");
    files.extend(module("api"));
    for file in files {
        let is_ui = file.starts_with(source().join("ui")) || file.ends_with("src/ui.rs");
        for path in paths(&code(&file)) {
            let reaches = path.starts_with("server");
            let allowed = !is_ui && path.starts_with("server::request");
            assert!(!reaches || allowed, "{} knows crate::{path}", file.display());
        }
    }
}

#[test]
fn the_gates_between_the_two_sides_stand_at_the_root() {
    let mut files = Vec::new();
    collect(&source(), &mut files);
    for file in files {
        let is_root = file == source().join("lib.rs");
        if !is_root && !file.starts_with(source().join("tests")) {
            assert!(!code(&file).contains("cfg(feature"), "{} has a gate of its own", file.display());
        }
    }
}
