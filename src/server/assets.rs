//! The browser's files: read from `target/site` in a debug build, inside the binary in a release.
//!
//! A release build of the site puts the page's files into a folder that is named by their content, names the others by
//! theirs (`site/add.mjs`), and puts `.br` and `.gz` forms beside them, so a file is sent as it lies there and kept by
//! browsers for good. Of the largest ones there are these forms alone.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::http::RESOURCE_POLICY;
use crate::ui::SiteFiles;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";

/// What loads the parts of the page; cargo-leptos puts a hash where the underscores are, if it is told to.
const SPLIT_SCRIPT: &str = "__wasm_split.______________________.js";
const PARTS_MANIFEST: &str = "__wasm_split_manifest.json";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/target/site"]
#[allow_missing = true]
struct Site;

/// The names of the files that the page loads.
#[must_use]
pub fn site_files() -> SiteFiles {
    let script = address("runnel", ".js");
    let folder = script.strip_suffix("runnel.js").unwrap_or("/pkg/");
    SiteFiles {
        wasm: format!("{folder}runnel.wasm"),
        style: format!("{folder}runnel.css"),
        split_script: format!("{folder}{SPLIT_SCRIPT}"),
        parts: parts(folder),
        script,
        renderer_script: address("renderer", ".js"),
        renderer_wasm: address("renderer", ".wasm"),
    }
}

/// The files of each part of the page, by the part's name, as cargo-leptos lists them.
fn parts(folder: &str) -> HashMap<String, Vec<String>> {
    let manifest = format!("{}{PARTS_MANIFEST}", folder.trim_start_matches('/'));
    let files = Site::get(&manifest).and_then(|file| serde_json::from_slice(&file.data).ok());
    let files: HashMap<String, Vec<String>> = files.unwrap_or_default();
    let addresses = |names: Vec<String>| names.iter().map(|name| format!("{folder}{name}.wasm")).collect();
    files.into_iter().map(|(part, names)| (part, addresses(names))).collect()
}

/// The address of the script that draws diagrams.
#[must_use]
pub fn diagram_script() -> String {
    address("mermaid", ".js")
}

/// Sends a file under `/pkg`. The frames load some, and belong to no origin.
pub async fn package_file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mut response = send(&format!("pkg/{path}"), &headers);
    set(&mut response, RESOURCE_POLICY, "cross-origin");
    response
}

/// Sends one of the files that have a fixed name.
pub async fn root_file(uri: axum::http::Uri, headers: HeaderMap) -> Response {
    send(uri.path().trim_start_matches('/'), &headers)
}

fn send(path: &str, headers: &HeaderMap) -> Response {
    let Some((file, encoding)) = find(path, headers) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let tag = etag(&file, encoding);
    let caching = if is_named_by_content(path) { IMMUTABLE } else { REVALIDATE };
    unless_known(headers, &tag, caching, || whole(path, file, encoding))
}

/// The whole response, or that nothing has changed: both say for how long that is so.
fn unless_known(headers: &HeaderMap, tag: &str, caching: &str, whole: impl FnOnce() -> Response) -> Response {
    let mut response =
        if is_known(headers, tag) { StatusCode::NOT_MODIFIED.into_response() } else { whole() };
    set(&mut response, CACHE_CONTROL, caching);
    set(&mut response, VARY, ACCEPT_ENCODING.as_str());
    set(&mut response, ETAG, tag);
    response
}

fn whole(path: &str, file: EmbeddedFile, encoding: Option<&str>) -> Response {
    let mut response = Response::new(match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    });
    set(&mut response, CONTENT_TYPE, mime_guess::from_path(path).first_or_octet_stream().as_ref());
    if let Some(encoding) = encoding {
        set(&mut response, CONTENT_ENCODING, encoding);
    }
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // Every value here is plain ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// True if the browser has this very form already. A proxy that compressed it marks the tag as weak.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|tags| tags.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

/// The file, in the smallest form that the browser takes.
fn find(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |encoding: &str| {
        accepted.split(',').any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            parts.next() == Some(encoding) && parts.next() != Some("q=0")
        })
    };
    [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(encoding))
        .find_map(|(encoding, extension)| Some((Site::get(&format!("{path}{extension}"))?, Some(encoding))))
        .or_else(|| Site::get(path).map(|file| (file, None)))
        // Some files are there in their compressed forms alone. Whoever asks for none can still undo this one.
        .or_else(|| Site::get(&format!("{path}.gz")).map(|file| (file, Some("gzip"))))
}

/// A name such as `Xy12…/runnel.js` or `renderer.Xy12….js`: its content never changes.
fn is_named_by_content(path: &str) -> bool {
    let name = path.strip_prefix("pkg/").unwrap_or_default();
    let hash = name.split_once('/').map_or_else(|| name.split('.').nth(1), |(folder, _)| Some(folder));
    hash.is_some_and(|hash| hash.len() >= 16) && !cfg!(debug_assertions)
}

fn etag(file: &EmbeddedFile, encoding: Option<&str>) -> String {
    use std::fmt::Write;
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "-" + encoding.unwrap_or("plain") + "\""
}

/// The newest of the files under `/pkg` whose names begin and end like this; in a release build there is one.
fn address(start: &str, extension: &str) -> String {
    let files = Site::iter().filter(|file| {
        let name = file.strip_suffix(".gz").unwrap_or(file).rsplit('/').next();
        let is_named = |name: &str| name.starts_with(start) && name.ends_with(extension);
        file.starts_with("pkg/") && name.is_some_and(is_named)
    });
    // Compared only if there are several: in a debug build the time comes with the whole file and its hash, and this is
    // done for every page.
    let newest = files.max_by(|one, other| modified(one).cmp(&modified(other)));
    newest.map(|file| format!("/{}", file.strip_suffix(".gz").unwrap_or(&file))).unwrap_or_default()
}

fn modified(name: &str) -> Option<u64> {
    Site::get(name)?.metadata.last_modified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_has_the_file_already_is_known_by_its_tag() {
        let tag = "\"0123-br\"";
        for (known, is_same) in [
            (tag, true),
            ("W/\"0123-br\"", true),
            ("\"other\", W/\"0123-br\"", true),
            ("*", true),
            ("\"0123-gzip\"", false),
            ("0123-br", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(known))]);
            assert_eq!(is_known(&headers, tag), is_same, "{known}");
            let response = unless_known(&headers, tag, REVALIDATE, || "a file".into_response());
            assert_eq!(response.status() == StatusCode::NOT_MODIFIED, is_same, "{known}");
            for (name, value) in [(ETAG, tag), (CACHE_CONTROL, REVALIDATE), (VARY, "accept-encoding")] {
                assert_eq!(response.headers()[&name], value, "{known}: {name}");
            }
        }
        assert!(!is_known(&HeaderMap::new(), tag));
    }
}
