//! Chance that can be repeated, and texts that are hard to cut.

use std::str::FromStr;

use fastrand::Rng;

/// Pieces of one to four bytes a character, clusters of several characters, both directions of writing, and what
/// an event stream could take for its own.
const PIECES: &[&str] = &[
    "👩‍👩‍👧‍👦",
    "🇨🇭",
    "👍🏽",
    "𝔘𝔫𝔦",
    "世界",
    "日本語の文章",
    "한국어",
    "हिन्दी",
    "ไทย",
    "עברית",
    "العربية",
    "cafe\u{301}",
    "Żółw",
    "\u{feff}",
    "\u{2028}",
    "\r\n",
    "\n\ndata: [DONE]\n\n",
    "id: 7\n",
    "\"\\",
    "plain words",
    " ",
    ", ",
];

/// A number from the environment: how much is tried, or with which seed.
pub fn number<T: FromStr>(variable: &str, otherwise: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => otherwise,
    }
}

/// The seed of everything that is left to chance: `RUNNEL_SEED`, always the same without it.
pub fn seed() -> u64 {
    let seed = number("RUNNEL_SEED", 20_260_729);
    tell(&format!("RUNNEL_SEED={seed}"));
    seed
}

/// The chance of one part of a test, whatever the other parts do.
pub fn of_part(seed: u64, part: u64) -> Rng {
    Rng::with_seed(seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A text that begins with `beginning`, has at least so many characters, and ends visibly.
pub fn text(chance: &mut Rng, beginning: &str, characters: usize) -> String {
    let mut text = beginning.to_owned();
    let mut left = characters;
    while left > 0 {
        let piece = chance.choice(PIECES).unwrap();
        text.push_str(piece);
        left = left.saturating_sub(piece.chars().count());
    }
    text + "."
}

/// Prints a figure for whoever runs the test by hand.
#[expect(clippy::print_stdout, reason = "the figures are what a long run is for")]
pub fn tell(figure: &str) {
    println!("{figure}");
}
