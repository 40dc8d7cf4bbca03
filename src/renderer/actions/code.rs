//! Code as it was written: copied, wrapped, downloaded.

use web_sys::{Element, Url};

use super::writer::{Form, write};
use super::{browser, clipboard};

/// A download is asked for at once, but not begun.
const UNTIL_DOWNLOADED_MS: i32 = 60_000;

/// Without the end of the last line: in a terminal it would be the Enter key.
pub fn copy(button: &Element) -> Option<()> {
    let code = source(&block(button)?)?;
    clipboard::copy(button, code.strip_suffix('\n').unwrap_or(&code));
    Some(())
}

pub fn wrap(button: &Element) -> Option<()> {
    let is_wrapped = browser::attribute(button, "aria-pressed") != "true";
    block(button)?.class_list().toggle_with_force("wrapped", is_wrapped).ok()?;
    browser::set(button, "aria-pressed", if is_wrapped { "true" } else { "false" });
    Some(())
}

pub fn download(button: &Element) -> Option<()> {
    let block = block(button)?;
    let language = browser::first(&block, ".code-language").map(|name| browser::text(&name))?;
    // Of text a browser would think that it knows a better name.
    let code = browser::blob(&source(&block)?.into(), "application/octet-stream")?;
    let url = Url::create_object_url_with_blob(&code).ok()?;
    let link = web_sys::window()?.document()?.create_element("a").ok()?;
    browser::set(&link, "href", &url);
    browser::set(&link, "download", &["snippet.", extension(&language)].concat());
    browser::as_html(&link).click();
    browser::after(UNTIL_DOWNLOADED_MS, move || {
        let _ = Url::revoke_object_url(&url);
    });
    Some(())
}

pub fn block(button: &Element) -> Option<Element> {
    browser::closest(button, ".code-block")
}

/// The code of a block, to the last blank.
pub fn source(block: &Element) -> Option<String> {
    Some(write(&browser::first(block, "pre code")?, Form::Exact))
}

/// How the names of files in this language end.
fn extension(language: &str) -> &'static str {
    let language = language.to_ascii_lowercase();
    let known = EXTENSIONS.lines().find(|names| names.split(' ').any(|name| name == language));
    known.and_then(|names| names.split(' ').next()).unwrap_or("txt")
}

/// An extension a line, and after it the languages that have it and are called otherwise.
const EXTENSIONS: &str = "\
rs rust
py python python3 py3
js javascript node mjs cjs
ts typescript
tsx
jsx
json json5 jsonc
sh bash shell zsh console shell-session
sql mysql postgresql postgres sqlite plsql
html htm
css
scss
go golang
java
kt kotlin
swift
c h
cpp c++ cc cxx hpp
cs c# csharp
rb ruby
php
pl perl
lua
r
hs haskell
ex elixir
scala
dart
zig
yaml yml
toml
ini
xml svg
md markdown
diff patch
csv
tex latex
ps1 powershell
bat batch
vue
mmd mermaid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_language() {
        for (language, expected) in [
            ("rust", "rs"),
            ("Rust", "rs"),
            ("python", "py"),
            ("typescript", "ts"),
            ("tsx", "tsx"),
            ("JSON", "json"),
            ("bash", "sh"),
            ("c++", "cpp"),
            ("C#", "cs"),
            ("mermaid", "mmd"),
        ] {
            assert_eq!(extension(language), expected, "{language}");
        }
    }

    #[test]
    fn a_language_that_is_not_known_names_no_file() {
        for language in ["", " ", "../../etc/passwd", "exe", "rust\npy", "rs rust"] {
            assert_eq!(extension(language), "txt", "{language:?}");
        }
    }
}
