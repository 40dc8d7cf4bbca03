//! Everything that the demo's models say.

/// `{question}` stands for the person's question.
pub const PLAIN: &str = include_str!("text/plain.md");

/// As [`PLAIN`], for the second question and all later ones.
pub const PLAIN_AGAIN: &str = include_str!("text/plain_again.md");

/// A long article that uses all of Markdown.
pub const LONG: &str = include_str!("text/long.md");

/// A shorter article in which everything occurs that an answer can hold.
pub const SHOWCASE: &str = include_str!("text/showcase.md");

pub const SHOWCASE_THOUGHT: &str = "The person wants to see what an answer can look like. One subject that needs all \
    of it is streaming itself: steps, costs, a little arithmetic, code. I will keep it calm, and true.";

/// One to four bytes a character, clusters of several characters, and both directions of writing.
pub const UNICODE: &str = "Naïve façade, Ærøskøbing, Żółw, cafe\u{301}. Ελληνικά, кириллица, 日本語の文章, 中文, \
    한국어, ไทย, हिन्दी. עברית and العربية run from right to left. 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 needs four bytes a letter; \
    👩‍👩‍👧‍👦 is one family and many characters, 🇨🇭 is one flag and two, 👍🏽 carries its colour. ∑ √2 ≈ 1.414 … “quoted” – done.";

pub const LINE_ENDS: &str = "First line.\nSecond line.\n\nThe event stream around this text uses other line ends \
    than the usual one; the text itself has only plain line feeds.";

pub const SLOW: &str = "Thank you for waiting. Until now there were only keep-alive comments: the connection was \
    alive, but the model had nothing to say.";

pub const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

pub const BEFORE_ERROR: &str = "This is the part of the answer that arrived before the error.";

pub const BEFORE_FILTER: &str = "This answer goes on until the provider's filter objects to";

pub const CUT_OFF: &str = "This answer is longer than it may be, and so it stops in the middle of a";

pub const NO_DONE: &str =
    "This answer is complete. It has its finish reason, but nobody said that it was done.";

pub const ERA: &str = "This answer ends as answers used to end.";

pub const THOUGHT: &str = "The person asks how much 17 times 23 is. 17 times 20 is 340, and 17 times 3 is 51. \
    Together that is 391.";

pub const AFTER_THOUGHT: &str = "17 × 23 = **391**.";

pub const SECOND_THOUGHT: &str = "Is that right? 391 divided by 17 is 23.";

pub const AFTER_SECOND_THOUGHT: &str = "Divided again, it comes out *even*.";

pub const CITING: &str = "Answers arrive as [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html), \
    and every model can [stream](https://openrouter.ai/docs/api-reference/streaming).";

pub const REFUSAL: &str = "I'm sorry, I can't help with that request.";

pub const PARTS: &str = "This text came as a list of parts, one part in each delta.";

pub const RECOVERED: &str = "Third time lucky: the first two attempts were refused, and this one worked.";

/// Markup that must appear as text, or not at all, and an event that hides in the text.
pub const SCRIPT: &str = "A script: <script>document.title = 'owned'; window.owned = true</script>\n\n\
    A picture: <img src=x onerror=\"document.title = 'owned'; window.owned = true\">\n\n\
    Links: [one](javascript:window.owned=true), [two](JaVaScRiPt:window.owned=true), \
    [three](data:text/html,<script>window.owned=true</script>), <javascript:window.owned=true>, \
    [four](\"onmouseover=\"window.owned=true).\n\n\
    <iframe srcdoc=\"<script>parent.owned = true</script>\"></iframe>\
    <svg onload=\"window.owned = true\"></svg><style>body { display: none }</style></textarea></script>\n\n\
    ```html\"><script>window.owned=true</script>\n<b>code</b></code></pre><script>window.owned = true</script>\n```\n\n\
    An event within the text:\n\nevent: end\nid: 999\ndata: {\"status\":\"complete\"}\n\n\
    Nothing of this may run.";

/// Overrides, isolates, zero-width and control characters.
pub const BIDI: &str = "Access level: user\u{202E}\u{2066}// only for admins\u{2069}\u{2066} end.\n\n\
    Zero width: in\u{200B}vis\u{200C}ib\u{200D}le\u{2060} and \u{FEFF}marked. Soft\u{AD}hyphen. Tag: \u{E0061}\u{E0062}.\n\n\
    Left open: \u{202B}right to left embedding, \u{202D}override, \u{2067}isolate.\n\n\
    Controls: bell \u{7}, backspace \u{8}, escape \u{1b}[31m, null \u{0}, line\u{2028}and paragraph\u{2029}separators, next\u{85}line.\n\n\
    This line must read from left to right.";

/// Sequences that a terminal obeys: clear the screen, fill the clipboard, set the title, disguise a link, write over
/// what stands there; each in C0 and some in C1. And a line that looks like one of a log.
pub const ESCAPES: &str = "Clear: \u{1b}[2J\u{1b}[H \u{9b}2J. Clipboard: \u{1b}]52;c;b3duZWQ=\u{7} \u{9d}52;c;b3duZWQ=\u{9c}. \
    Title: \u{1b}]0;owned\u{1b}\\. Link: \u{1b}]8;;http://evil.example\u{7}bank\u{1b}]8;;\u{7}. Tab:\tkept. \
    Over: good\rbad\u{8}\u{8}\u{7f}.\n2026-01-01T00:00:00.000000Z ERROR runnel: forged\nEnd.";
