//! LaTeX as `MathML`, which every browser draws by itself.
//!
//! The library is `math-core`, chosen by measurement: what each adds to the browser's file (optimized for size, brotli
//! 11), and how many of 151 lines that language models might write it reads without help.
//!
//! | library              | adds    | reads | why not                                                   |
//! |----------------------|---------|-------|-----------------------------------------------------------|
//! | `math-core` 0.7      | 49.3 KB | 123   |                                                           |
//! | `pulldown-latex` 0.8 | 59.9 KB | 117   | writes `<` unescaped; no `\tag`, `\boxed` or `\cancel`    |
//! | `latex2mathml` 0.2   | 25.3 KB | 53    | no `aligned`, no `\dfrac`; text and errors are unescaped  |
//!
//! With [`MACROS`] and [`ALIASES`] it reads 137; all of this module with the library adds 56.7 KB. What the library
//! writes is not taken as it is. [`Checker`] reads it strictly and writes it again out of our own literals: elements
//! and attributes that are not in its lists do not come through. It also turns `style` attributes, which the page's
//! content security policy forbids, into classes and `MathML`'s own attributes, and HTML within `mtext` into classes.
//! The formula's source is not part of it; the page keeps that elsewhere.

use std::sync::LazyLock;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

use crate::html::CheckedMarkup;

/// `tex` as `MathML`; `None` if it is wrong, empty, longer than 8 KiB or nested too deep.
pub fn mathml(tex: &str, is_display: bool) -> Option<CheckedMarkup> {
    if tex.len() > LONGEST_SOURCE || tex.trim().is_empty() || has_many_lines_between_columns(tex) {
        return None;
    }
    let source = without_comments(tex);
    if !is_readable(&source) {
        return None;
    }
    let source = with_known_names(&expand(&source));
    if !is_readable(&source) {
        return None;
    }
    let markup =
        convert(&source, is_display).or_else(|| convert(&within_environment(&source)?, is_display))?;
    Checker::check(&markup).map(CheckedMarkup::new)
}

/// In bytes. The costliest formula of that length found takes 11 ms and has 560 KB of markup.
const LONGEST_SOURCE: usize = 8 * 1024;

/// The library reads by recursion: a level takes 1.4 KB of the stack in the browser, where there is 1 MB, and 2 KB on a
/// server (30 KB without optimization, which is why the library is optimized in development too). The commands here
/// need several levels of each group, so that 32 groups take 256 KB at most, as 128 levels do.
const DEEPEST_GROUPS: usize = 32;
const DEEPEST_NESTING: usize = 128;

/// How many arguments a command takes that is in none of these lists: the most that any takes (`\genfrac`).
const MOST_ARGUMENTS: u8 = 6;

/// Commands that hold everything to the end of their group.
const SWITCHES: [&str; 5] = ["displaystyle", "textstyle", "scriptstyle", "scriptscriptstyle", "color"];

/// Stands for the number of arguments of a switch.
const EVERYTHING: u8 = u8::MAX;

/// Frequent commands by the number of their arguments, so that a long formula does not count as a deep one.
const COMMANDS: [&str; 3] = [
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau \
     upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega cdot times div pm mp \
     ast star circ bullet oplus otimes le leq ge geq ne neq lt gt ll gg approx equiv sim simeq cong propto to in notin \
     subset subseteq supset supseteq cup cap setminus emptyset varnothing forall exists neg lnot land lor wedge vee \
     rightarrow leftarrow Rightarrow Leftarrow Leftrightarrow leftrightarrow longrightarrow mapsto implies iff partial \
     nabla infty hbar ell Re Im ldots cdots vdots ddots dots quad qquad sum prod int iint iiint oint lim max min sup \
     inf log ln exp sin cos tan det dim ker gcd Pr arg mid parallel perp langle rangle lfloor rfloor lceil rceil lvert \
     rvert lVert rVert vert Vert prime dagger top bot limits nolimits hline therefore because \
     degree angle bmod big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle nonumber notag",
    "sqrt hat bar vec dot ddot tilde overline underline widehat widetilde mathbb mathcal mathbf mathrm mathit mathsf \
     mathtt mathfrak mathscr boldsymbol bm text textbf textit textrm mathop mathrel mathbin operatorname tag label \
     boxed substack underbrace overbrace overrightarrow not pmod phantom cancel abs norm",
    "frac dfrac tfrac cfrac binom dbinom tbinom overset underset stackrel textcolor dv pdv",
];

/// Each line between two columns is an empty cell in each row, so that 3 KB of them times 1000 rows would be 300 MB.
const MOST_LINES_BETWEEN_COLUMNS: usize = 8;

/// What the library does not know but can express, with the number of arguments. They are put in as text, since its own
/// macros mix up the arguments of nested ones. An argument is used once in each, so that nesting them does not grow
/// exponentially. A box is the one array with a dashed line at its left and a solid one on top; the style sheet draws
/// its four sides.
const MACROS: [(&str, usize, &str); 28] = [
    ("abs", 1, r"\left|#1\right|"),
    ("boxed", 1, r"\begin{array}{:c}\hline{\displaystyle #1}\end{array}"),
    ("dotsb", 0, r"\cdots "),
    ("dotsc", 0, r"\ldots "),
    ("dotsm", 0, r"\cdots "),
    ("dv", 2, r"\frac{\mathrm{d}#1}{\mathrm{d}#2}"),
    ("fbox", 1, r"\begin{array}{:c}\hline\text{#1}\end{array}"),
    ("hbox", 1, r"\text{#1}"),
    ("hdots", 0, r"\ldots "),
    ("iddots", 0, "⋰"),
    ("mathbbm", 1, r"\mathbb{#1}"),
    ("mathds", 1, r"\mathbb{#1}"),
    ("mathnormal", 1, "{#1}"),
    ("mathrlap", 1, "{#1}"),
    ("mbox", 1, r"\text{#1}"),
    ("nicefrac", 2, "{#1}/{#2}"),
    ("norm", 1, r"\left\|#1\right\|"),
    ("pdv", 2, r"\frac{\partial #1}{\partial #2}"),
    ("pmb", 1, r"\boldsymbol{#1}"),
    ("pod", 1, r"\quad(#1)"),
    ("set", 1, r"\{#1\}"),
    ("sfrac", 2, "{#1}/{#2}"),
    ("smash", 1, "{#1}"),
    ("substack", 1, r"\begin{subarray}{c}#1\end{subarray}"),
    ("textcolor", 2, r"{\color{#1}#2}"),
    ("textnormal", 1, r"\text{#1}"),
    ("varliminf", 0, r"{\underline{\lim}}"),
    ("varlimsup", 0, r"{\overline{\lim}}"),
];

/// Other names of what the library knows. Equations are not numbered by themselves: each formula would begin at 1.
const ALIASES: [(&str, &str); 20] = [
    (r"\tag*{", r"\tag{"),
    (r"\left<", r"\left\langle "),
    (r"\right>", r"\right\rangle "),
    (r"\color{#", r"\color[HTML]{"),
    (r"\begin{split}", r"\begin{aligned}"),
    (r"\end{split}", r"\end{aligned}"),
    (r"\begin{smallmatrix}", r"\begin{matrix}"),
    (r"\end{smallmatrix}", r"\end{matrix}"),
    (r"\begin{eqnarray}", r"\begin{align*}"),
    (r"\end{eqnarray}", r"\end{align*}"),
    (r"\begin{eqnarray*}", r"\begin{align*}"),
    (r"\end{eqnarray*}", r"\end{align*}"),
    (r"\begin{align}", r"\begin{align*}"),
    (r"\end{align}", r"\end{align*}"),
    (r"\begin{gather}", r"\begin{gather*}"),
    (r"\end{gather}", r"\end{gather*}"),
    (r"\begin{equation}", r"\begin{equation*}"),
    (r"\end{equation}", r"\end{equation*}"),
    (r"\begin{multline}", r"\begin{gather*}"),
    (r"\end{multline}", r"\end{gather*}"),
];

static CONVERTER: LazyLock<Option<LatexToMathML>> = LazyLock::new(|| {
    let config = MathCoreConfig { allow_unreliable_rendering: true, ..MathCoreConfig::default() };
    LatexToMathML::new(config).ok()
});

fn convert(source: &str, is_display: bool) -> Option<String> {
    let display = if is_display { MathDisplay::Block } else { MathDisplay::Inline };
    let converted = CONVERTER.as_ref()?.convert_with_local_state(source, display).ok()?;
    Some(converted.mathml)
}

/// Leaves out what stands after `%`, so that braces count wherever they are.
fn without_comments(tex: &str) -> String {
    let mut source = String::with_capacity(tex.len());
    let mut rest = tex;
    while let Some(at) = rest.find(['\\', '%']) {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        source.push_str(before);
        if rest.as_bytes().get(at) == Some(&b'%') {
            rest = after.split_once('\n').map_or("", |(_, next)| next);
        } else {
            let name = command_name(after);
            source.extend(["\\", name]);
            rest = &after[name.len()..];
        }
    }
    source.push_str(rest);
    source
}

/// Puts in the meaning of each of [`MACROS`].
fn expand(source: &str) -> String {
    let mut expanded = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('\\') {
        expanded.push_str(before);
        let name = command_name(after);
        rest = &after[name.len()..];
        match MACROS.iter().find(|(known, ..)| *known == name) {
            Some((_, count, meaning)) => rest = expand_one(meaning, *count, rest, &mut expanded),
            None => expanded.extend(["\\", name]),
        }
    }
    expanded.push_str(rest);
    expanded
}

/// Gives back what follows the arguments.
fn expand_one<'a>(meaning: &str, count: usize, source: &'a str, expanded: &mut String) -> &'a str {
    let mut rest = source;
    let mut parts = meaning.split('#');
    expanded.extend(parts.next());
    for part in parts.take(count) {
        let (argument, next) = split_argument(rest);
        expanded.push_str(&expand(argument));
        expanded.extend(part.get(1..));
        rest = next;
    }
    rest
}

/// An argument without its braces, and the rest.
fn split_argument(source: &str) -> (&str, &str) {
    let source = source.trim_start();
    if let Some(group) = source.strip_prefix('{') {
        let end = group_end(group);
        return (&group[..end], group.get(end + 1..).unwrap_or_default());
    }
    let length = match source.strip_prefix('\\') {
        Some(name) => 1 + command_name(name).len(),
        None => source.chars().next().map_or(0, char::len_utf8),
    };
    source.split_at(length)
}

fn group_end(group: &str) -> usize {
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 0 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    group.len()
}

fn with_known_names(source: &str) -> String {
    ALIASES.iter().fold(source.to_owned(), |source, (alias, name)| source.replace(alias, name))
}

/// `\tag` and `&` stand outside any environment as often as not.
fn within_environment(source: &str) -> Option<String> {
    if source.contains(r"\tag") {
        Some(format!(r"\begin{{equation*}}{source}\end{{equation*}}"))
    } else if source.contains('&') {
        Some(format!(r"\begin{{aligned}}{source}\end{{aligned}}"))
    } else {
        None
    }
}

fn has_many_lines_between_columns(tex: &str) -> bool {
    let mut lines = 0;
    tex.chars().filter(|character| !character.is_whitespace()).any(|character| {
        lines = if matches!(character, '|' | ':') { lines + 1 } else { 0 };
        lines > MOST_LINES_BETWEEN_COLUMNS
    })
}

/// What a formula may be within.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nest {
    Braces,
    Delimiters,
    Environment,
}

/// How deep a formula is nested, as an upper bound. A command may take what follows it without braces, another command
/// too: it holds what comes until it has its arguments.
#[derive(Default)]
struct Nesting {
    /// What is open, and what was outside of it: where its commands begin, and whether it is within `[..]`.
    open: Vec<(Nest, usize, bool)>,
    /// Commands that hold each other, with the number of arguments that each still awaits.
    commands: Vec<u8>,
    /// The commands from here on are within the innermost open thing.
    first: usize,
    /// Within `[..]` after a command: an optional argument, which does not count.
    is_optional: bool,
    /// Whether something would be lost.
    is_lost: bool,
}

impl Nesting {
    fn is_readable(&self) -> bool {
        let depth = self.open.len() + self.commands.len();
        self.open.len() <= DEEPEST_GROUPS && depth <= DEEPEST_NESTING && !self.is_lost
    }

    fn enter(&mut self, nest: Nest) {
        self.open.push((nest, self.first, self.is_optional));
        self.first = self.commands.len();
        self.is_optional = false;
    }

    /// What closes something else is an error, which the library will say.
    fn leave(&mut self, nest: Nest) {
        if let Some((_, first, is_optional)) = self.open.pop_if(|(open, _, _)| *open == nest) {
            self.commands.truncate(self.first);
            (self.first, self.is_optional) = (first, is_optional);
        }
    }

    /// After `\right` and `\end` comes what counts as the whole argument: a delimiter, or the name.
    fn command(&mut self, name: &str) {
        match name {
            "left" => self.enter(Nest::Delimiters),
            "right" => self.leave(Nest::Delimiters),
            "begin" => self.enter(Nest::Environment),
            "end" => self.leave(Nest::Environment),
            "\\" => self.separate(),
            _ => match argument_count(name) {
                0 => self.pass(),
                count => self.commands.push(count),
            },
        }
    }

    /// The library loses a `&` or `\\` that comes after a switch.
    fn separate(&mut self) {
        self.is_lost |= self.commands[self.first..].contains(&EVERYTHING);
    }

    /// An argument of the innermost command; its last one makes that command an argument itself.
    fn pass(&mut self) {
        while !self.is_optional && self.commands.len() > self.first {
            match self.commands.pop() {
                Some(EVERYTHING) => return self.commands.push(EVERYTHING),
                Some(count) if count > 1 => return self.commands.push(count - 1),
                _ => {}
            }
        }
    }
}

fn argument_count(name: &str) -> u8 {
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return 0;
    }
    if SWITCHES.contains(&name) {
        return EVERYTHING;
    }
    let has_name = |names: &&str| names.split(' ').any(|known| known == name);
    (0..).zip(COMMANDS).find(|(_, names)| has_name(names)).map_or(MOST_ARGUMENTS, |(count, _)| count)
}

/// Whether the library reads it, however wrong it is, within its stack and without losing a part.
fn is_readable(source: &str) -> bool {
    let mut nesting = Nesting::default();
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => {
                let name = command_name(rest);
                rest = &rest[name.len()..];
                nesting.command(name);
            }
            '{' => nesting.enter(Nest::Braces),
            '}' => {
                nesting.leave(Nest::Braces);
                nesting.pass();
            }
            '[' => nesting.is_optional = nesting.commands.len() > nesting.first,
            ']' => nesting.is_optional = false,
            '^' | '_' => nesting.commands.push(1),
            '&' => nesting.separate(),
            '\'' | '~' => {}
            character if character.is_whitespace() => {}
            _ => nesting.pass(),
        }
        if !nesting.is_readable() {
            return false;
        }
    }
    true
}

/// The letters after a backslash, or the one character.
fn command_name(rest: &str) -> &str {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let first = rest.chars().next().map_or(0, char::len_utf8);
    &rest[..letters.max(first)]
}

const ELEMENTS: [&str; 25] = [
    "math",
    "mrow",
    "mi",
    "mn",
    "mo",
    "mtext",
    "mspace",
    "mfrac",
    "msqrt",
    "mroot",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "mtable",
    "mtr",
    "mtd",
    "mpadded",
    "mphantom",
    "mstyle",
    "menclose",
];

const ATTRIBUTES: [&str; 20] = [
    "display",
    "displaystyle",
    "scriptlevel",
    "stretchy",
    "symmetric",
    "largeop",
    "movablelimits",
    "form",
    "lspace",
    "rspace",
    "minsize",
    "maxsize",
    "width",
    "height",
    "depth",
    "linethickness",
    "accent",
    "accentunder",
    "mathvariant",
    "notation",
];

/// Attributes that are left out: an id would be one of the page, and there is nothing to link to.
const IGNORED_ATTRIBUTES: [&str; 2] = ["id", "href"];

/// HTML within `mtext`, and the class in its place.
const PHRASES: [(&str, &str); 8] = [
    ("a", ""),
    ("b", "math-bold"),
    ("i", "math-italic"),
    ("em", "math-italic"),
    ("code", "math-code"),
    ("s", "math-struck"),
    ("u", "math-underlined"),
    ("span", ""),
];

/// The library's classes, and ours.
const CLASSES: [(&str, &str); 5] = [
    ("menclose-updiagonalstrike", "math-strike-up"),
    ("menclose-downdiagonalstrike", "math-strike-down"),
    ("menclose-horizontalstrike", "math-strike"),
    ("math-core-sans-serif-font", "math-sans"),
    ("math-core-serif-font", "math-serif"),
];

/// The declarations in the library's `style` attributes, without spaces, and the class for each. The others are left
/// out: what they do is small (`justify-items` is for a browser that has no `MathML`).
const STYLES: [(&str, &str); 21] = [
    ("text-align:left", "math-left"),
    ("text-align:right", "math-right"),
    ("padding-left:0", "math-close-left"),
    ("padding-right:0", "math-close-right"),
    ("padding-top:0", "math-close-rows"),
    ("padding-left:1em", "math-far-left"),
    ("padding-left:0.1667em", "math-thin-left"),
    ("padding-right:0.1667em", "math-thin-right"),
    ("padding-left:0.2222em", "math-medium-left"),
    ("padding-right:0.2222em", "math-medium-right"),
    ("padding-left:0.2778em", "math-thick-left"),
    ("padding-right:0.2778em", "math-thick-right"),
    ("border-left:0.05emsolidcurrentcolor", "math-line-left"),
    ("border-left:0.05emdashedcurrentcolor", "math-dashes-left"),
    ("border-right:0.05emsolidcurrentcolor", "math-line-right"),
    ("border-right:0.05emdashedcurrentcolor", "math-dashes-right"),
    ("border-top:0.05emsolidcurrentcolor", "math-line-top"),
    ("border-top:0.05emdashedcurrentcolor", "math-dashes-top"),
    ("width:100%", "math-wide"),
    ("width:50%", "math-margin"),
    ("font-variant-caps:small-caps", "math-small-caps"),
];

/// What the library writes in text.
const ENTITIES: [&str; 5] = ["&lt;", "&gt;", "&amp;", "&quot;", "&#39;"];

/// Reads the library's markup and writes what it knows of it.
#[derive(Default)]
struct Checker {
    written: String,
    open: Vec<&'static str>,
    /// A start tag that may still get classes from what follows.
    start: Option<StartTag>,
    /// How many HTML elements are open.
    phrases: usize,
}

#[derive(Default)]
struct StartTag {
    name: &'static str,
    attributes: String,
    classes: Vec<&'static str>,
}

impl Checker {
    fn check(markup: &str) -> Option<String> {
        let mut checker = Self::default();
        let mut rest = markup;
        while !rest.is_empty() {
            let (text, tag) = rest.split_once('<').unwrap_or((rest, ""));
            checker.text(text)?;
            if text.len() == rest.len() {
                break;
            }
            let (tag, next) = tag.split_once('>')?;
            checker.tag(tag)?;
            rest = next;
        }
        let is_one_formula =
            checker.written.starts_with("<math") && checker.open.is_empty() && checker.phrases == 0;
        is_one_formula.then_some(checker.written)
    }

    fn text(&mut self, text: &str) -> Option<()> {
        if text.is_empty() {
            return Some(());
        }
        let are_entities_known = text
            .match_indices('&')
            .all(|(at, _)| ENTITIES.iter().any(|entity| text[at..].starts_with(entity)));
        if self.open.is_empty() || !are_entities_known || text.contains('>') {
            return None;
        }
        self.write_start();
        self.written.push_str(text);
        Some(())
    }

    /// A tag without its angle brackets.
    fn tag(&mut self, tag: &str) -> Option<()> {
        if let Some(name) = tag.strip_prefix('/') {
            return self.end(name);
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        match ELEMENTS.into_iter().find(|element| *element == name) {
            Some(name) => self.element(name, attributes, is_empty),
            None => self.phrase(name, attributes),
        }
    }

    fn element(&mut self, name: &'static str, attributes: &str, is_empty: bool) -> Option<()> {
        let is_at_its_place = (name == "math") == self.open.is_empty();
        if !is_at_its_place || self.phrases > 0 || (name == "math" && !self.written.is_empty()) {
            return None;
        }
        self.write_start();
        let mut start = StartTag { name, ..StartTag::default() };
        start.read(attributes)?;
        self.start = Some(start);
        self.open.push(name);
        if is_empty { self.end(name) } else { Some(()) }
    }

    /// An HTML element, whose meaning goes to the `mtext` that it is the whole of.
    fn phrase(&mut self, name: &str, attributes: &str) -> Option<()> {
        let (_, class) = PHRASES.into_iter().find(|(phrase, _)| *phrase == name)?;
        let start = self.start.as_mut().filter(|start| start.name == "mtext")?;
        start.read(attributes)?;
        start.add_class(class);
        self.phrases += 1;
        Some(())
    }

    fn end(&mut self, name: &str) -> Option<()> {
        self.write_start();
        if self.phrases > 0 {
            self.phrases -= 1;
            return PHRASES.iter().any(|(phrase, _)| *phrase == name).then_some(());
        }
        let open = self.open.pop().filter(|open| *open == name)?;
        self.written.extend(["</", open, ">"]);
        Some(())
    }

    fn write_start(&mut self) {
        let Some(start) = self.start.take() else { return };
        self.written.extend(["<", start.name, &start.attributes]);
        for (index, class) in start.classes.iter().enumerate() {
            self.written.extend([if index == 0 { " class=\"" } else { " " }, class]);
        }
        self.written.push_str(if start.classes.is_empty() { ">" } else { "\">" });
    }
}

impl StartTag {
    fn read(&mut self, attributes: &str) -> Option<()> {
        let mut rest = attributes.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once("=\"")?;
            let (value, next) = after.split_once('"')?;
            self.attribute(name, value)?;
            rest = next.trim_start();
        }
        Some(())
    }

    fn attribute(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "style" => value.split(';').try_for_each(|declaration| self.style(declaration)),
            "class" => value.split_whitespace().try_for_each(|class| {
                let (_, ours) = CLASSES.into_iter().find(|(theirs, _)| *theirs == class)?;
                self.add_class(ours);
                Some(())
            }),
            name if IGNORED_ATTRIBUTES.contains(&name) => Some(()),
            name => self.write(ATTRIBUTES.into_iter().find(|attribute| *attribute == name)?, value),
        }
    }

    fn style(&mut self, declaration: &str) -> Option<()> {
        let declaration: String = declaration.chars().filter(|character| *character != ' ').collect();
        if let Some((_, class)) = STYLES.into_iter().find(|(style, _)| *style == declaration) {
            self.add_class(class);
        } else if let Some(color) = declaration.strip_prefix("color:") {
            self.write("mathcolor", color)?;
        } else if let Some(size) = declaration.strip_prefix("font-size:") {
            self.write("mathsize", size)?;
        } else if declaration.starts_with("margin-left:-") {
            self.add_class("math-back");
        }
        Some(())
    }

    fn add_class(&mut self, class: &'static str) {
        if !class.is_empty() {
            self.classes.push(class);
        }
    }

    fn write(&mut self, name: &'static str, value: &str) -> Option<()> {
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-%#".contains(&byte));
        if !is_plain {
            return None;
        }
        self.attributes.extend([" ", name, "=\"", value, "\""]);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What language models write.
    const FORMULAS: [&str; 118] = [
        "x",
        "E = mc^2",
        r"\frac{a}{b} + \dfrac{c}{d} - \tfrac{1}{2}",
        r"\cfrac{1}{1 + \cfrac{1}{2}}",
        r"\tfrac12 \frac12 x^2y \sqrt2",
        r"\sqrt{x} + \sqrt[n]{x^2 + 1}",
        r"\sum_{i=1}^n i^2 = \frac{n(n+1)(2n+1)}{6}",
        r"\int_0^\infty e^{-x^2} \, dx = \frac{\sqrt{\pi}}{2}",
        r"\iint_D f \, dA + \iiint_V g \, dV + \oint_C \mathbf{F} \cdot d\mathbf{r}",
        r"\lim_{x \to 0} \frac{\sin x}{x} = 1",
        r"\lim\limits_{n\to\infty} a_n",
        r"\prod_{k=1}^{n} k = n!",
        r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \lambda \mu",
        r"\nu \xi \pi \varpi \rho \varrho \sigma \varsigma \tau \upsilon \phi \varphi \chi \psi \omega",
        r"\Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega",
        r"\mathbb{R} \subset \mathbb{C}, \mathcal{L}, \mathfrak{g}, \mathscr{F}",
        r"\mathbf{v} = \mathrm{d}x, \mathsf{T}, \mathtt{x}, \mathit{ab}",
        r"\boldsymbol{\theta} + \bm{\mu} + \pmb{x}",
        r"\operatorname{softmax}(x)_i",
        r"\operatorname*{arg\,max}_{x} f(x)",
        r"f(x) = x \text{ if } x > 0",
        r"\text{price: } 5 \text{ and } \textbf{bold} \textit{it}",
        r"\textrm{x} \textsf{x} \texttt{x} \textnormal{x} \mbox{x} \hbox{x} \emph{x} \textsc{x}",
        r"\text{for all $x$ in } A",
        r"\left( \frac{a}{b} \right) + \left[ x \right] + \left\{ y \right\}",
        r"\left. \frac{df}{dx} \right|_{x=0}",
        r"\left\lfloor \frac{n}{2} \right\rfloor \left\lVert x \right\rVert \left\langle x \right\rangle",
        r"\left< x \right>",
        r"\big( x \big) \Big[ y \Big] \bigg\{ z \bigg\} \Bigg| w \Bigg|",
        r"\bigl( x \bigr) \Bigl\| y \Bigr\|",
        r"\Bigl(\sum_{k} a_k\Bigr)^{2}",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"\begin{bmatrix} 1 & 0 & 0 \\ 0 & 1 & 0 \\ 0 & 0 & 1 \end{bmatrix}",
        r"\begin{vmatrix} a & b \\ c & d \end{vmatrix} = ad - bc",
        r"\begin{Vmatrix} a \end{Vmatrix} \begin{Bmatrix} a \end{Bmatrix} \begin{matrix} a & b \end{matrix}",
        r"\begin{smallmatrix} a & b \\ c & d \end{smallmatrix}",
        r"\begin{pmatrix} 1 & \cdots & n \\ \vdots & \ddots & \vdots \end{pmatrix}",
        r"\begin{bmatrix} \cos\theta & -\sin\theta \\[4pt] \sin\theta & \cos\theta \end{bmatrix}",
        r"f(x) = \begin{cases} x & \text{if } x \ge 0 \\ -x & \text{otherwise} \end{cases}",
        r"\begin{cases} x + y = 1 \\ x - y = 2 \end{cases}",
        r"\begin{dcases} a & b \end{dcases} \begin{rcases} a \\ b \end{rcases}",
        r"\begin{aligned} a &= b + c \\ &= d \end{aligned}",
        r"\begin{align*} a &= b + c \\ &= d \end{align*}",
        r"\begin{align} a &= b \tag{1} \\ c &= d \label{x} \nonumber \end{align}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned} \tag{2}",
        r"\begin{gather} a = b \\ c = d \end{gather}",
        r"\begin{gather*} a = b \\ c = d \end{gather*}",
        r"\begin{gathered} a = b \\ c = d \end{gathered}",
        r"\begin{equation} a = b \end{equation}",
        r"\begin{equation*} a = b \end{equation*}",
        r"\begin{equation}\begin{split} a &= b \\ &= c \end{split}\end{equation}",
        r"\begin{multline} a + b \\ + c \end{multline}",
        r"\begin{eqnarray} a &=& b \\ c &=& d \end{eqnarray}",
        r"\begin{array}{cc|c} 1 & 2 & 3 \\ \hline 4 & 5 & 6 \end{array}",
        r"\left[\begin{array}{cc|c} 1 & 2 & 3 \\ 4 & 5 & 6 \end{array}\right]",
        r"\begin{array}{|l|r|} \hline a & b \\ \hline \end{array}",
        r"a &= b \\ c &= d",
        r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a} \\ y = 2",
        r"\underbrace{a + b + c}_{n} + \overbrace{x + y}^{m}",
        r"\overline{AB} + \underline{x} + \overrightarrow{AB} + \overleftarrow{AB}",
        r"\hat{x} \vec{v} \bar{y} \dot{x} \ddot{x} \tilde{a} \check{b} \acute{c} \grave{d} \breve{e}",
        r"\widehat{abc} + \widetilde{abc} + \mathring{x}",
        r"\mathbf{x}^{(i)}, \hat{\mathbf{y}}, \dot{\vec{x}}",
        r"\binom{n}{k} = \frac{n!}{k!(n-k)!}",
        r"\dbinom{n}{k} \tbinom{n}{k} {n \choose k}",
        r"a \cdot b \times c \div d \pm e \mp f \ast g \star h \circ i \bullet j",
        r"a \le b \ge c \neq d \approx e \equiv f \sim g \simeq h \cong i \propto j",
        r"a \leq b \geq c \ne d \ll e \gg f \lt g \gt h < i > j",
        r"a \leqslant b \geqslant c \lesssim d \gtrsim e",
        r"A \to B \implies C \iff D \Rightarrow E \rightarrow F \leftarrow G \mapsto H \longrightarrow I",
        r"\Leftrightarrow \leftrightarrow \Longrightarrow \uparrow \downarrow \nearrow \rightleftharpoons",
        r"x \in A \notin B \subset C \subseteq D \supset E \supseteq F \cup G \cap H \setminus I \emptyset",
        r"\forall x \exists y \nexists z \neg p \land q \lor r \lnot s \wedge t \vee u \therefore \because",
        r"\partial f / \partial x, \nabla \cdot \mathbf{E}, \infty, \hbar, \ell, \Re, \Im, \aleph, \wp",
        r"\oplus \otimes \odot \perp \parallel \angle \triangle \square \top \bot \vdash \models \dagger",
        r"1, \ldots, n + \cdots + \vdots \ddots \dots \dotsc \dotsb",
        r"a \quad b \qquad c \, d \; e \: f \! g \ h ~ i",
        r"a \hspace{1em} b \hspace{-0.5em} c \kern 3pt d \mkern 3mu e \hspace{1cm} f",
        r"\boxed{E = mc^2}",
        r"\boxed{\begin{aligned} a &= b \\ c &= d \end{aligned}}",
        r"E = mc^2 \tag{1}",
        r"E = mc^2 \tag*{(Einstein)}",
        r"\color{red} x + y",
        r"{\color{red} x} + \textcolor{blue}{y}",
        r"\stackrel{?}{=} \overset{!}{=} \underset{x}{\min} \overset{\text{def}}{=}",
        r"\mathop{\mathrm{argmin}}_{\theta} L(\theta)",
        r"\max_{x} \min_{y} \sup \inf \limsup \liminf \det \dim \ker \gcd \Pr \deg \arg \hom",
        r"\varlimsup_{n} a_n \varliminf_{n} b_n",
        r"\sin \cos \tan \log \ln \exp \arcsin \sinh \cosh \tanh \cot \sec \csc \lg",
        r"a \equiv b \pmod{n}, a \bmod b, a \mod b, a \pod{n}",
        r"a \not= b, \not\in, \not\subset",
        r"f'(x) + f''(x) + g^{\prime} + y'_1 + {f'}^2",
        r"A \xrightarrow{f} B \xleftarrow[g]{h} C",
        r"\sum_{\substack{i < n \\ j < m}} a_{ij}",
        r"\left( a \middle| b \right) \left\{ x \middle\| y \right\}",
        r"\int f(x) \,d x",
        r"90\degree + 45^\circ + 50\% + \$5 + \#1 + a\_b + \{x\} + R\&D",
        r"x_{1}^{2} + x_1^2 + {}_a^b X + x^{y^z}",
        r"\|x\|_2 + |x| + \lvert y \rvert + \lVert z \rVert + \langle x, y \rangle + \lfloor x \rfloor",
        r"P(A \mid B) = \frac{P(B \mid A) P(A)}{P(B)}",
        r"\bra{\psi} \ket{\phi} \braket{a|b}",
        r"\mathbb{E}_{x \sim p}[f(x)] = \mathbb{1}_{A} + \mathds{1}",
        r"\bigcup_{i} A_i \bigcap_{i} B_i \bigoplus_{i} V_i \bigotimes \coprod",
        r"\displaystyle \sum_{i} x \textstyle \sum \scriptstyle x",
        r"\sum\limits_{i=1}^n x + \int\nolimits_0^1 f + \int\limits_0^1 g",
        r"\phantom{x} + \hphantom{y} + \vphantom{z} + \smash{w}",
        r"\cancel{x} + \bcancel{y} + \xcancel{z}",
        r"\mathrm{H_2O} + \mathrm{CO}_2 + \mathrm{kg\,m/s^2}",
        r"3{,}000{,}000 + 1,000 + 3.14",
        r"a^\top b, A^{\mathsf T}, A^{-1}, x^*, z^\ast, A^\dagger",
        r"\dv{f}{x} \pdv{f}{x} \abs{x} \norm{x}",
        r"\colon f\colon A \to B \triangleq \coloneqq :=",
        r"\mathbin{\#} \mathrel{R} \mathord{x} \mathopen{(} \mathclose{)} \mathpunct{,}",
        r"\genfrac{(}{)}{0pt}{}{n}{k} {a \over b} {n \atop k}",
        r"\sideset{_a^b}{_c^d}\sum \prescript{14}{6}{C}",
        "E = mc^2 % the energy",
        r"é + 中 + \text{naïve 中文} + α ≤ β",
        r"\ce{H2O}",
    ];

    fn written(tex: &str) -> String {
        mathml(tex, true).map(|formula| formula.as_str().to_owned()).unwrap_or_default()
    }

    /// A second reader, which knows nothing of the first: every element is closed where it should be.
    fn is_well_formed(markup: &str) -> bool {
        let mut open = Vec::new();
        for part in markup.split('<').skip(1) {
            let Some((tag, text)) = part.split_once('>') else { return false };
            match tag.strip_prefix('/') {
                Some(name) => {
                    if open.pop() != Some(name) {
                        return false;
                    }
                }
                None => open.push(tag.split(' ').next().unwrap_or_default()),
            }
            if text.contains('>') || tag.matches('"').count() % 2 == 1 {
                return false;
            }
        }
        open.is_empty() && markup.starts_with("<math")
    }

    #[test]
    fn what_language_models_write_becomes_mathml() {
        let (last, known) = FORMULAS.split_last().unwrap();
        for tex in known {
            for is_display in [false, true] {
                let formula = mathml(tex, is_display);
                assert!(formula.is_some_and(|formula| is_well_formed(formula.as_str())), "{tex}");
            }
        }
        assert_eq!(mathml(last, true), None, "chemistry is a language of its own");
    }

    #[test]
    fn a_formula_is_a_line_of_its_own_or_within_one() {
        assert_eq!(written("x"), "<math display=\"block\"><mi>x</mi></math>");
        assert_eq!(mathml("x", false).unwrap().as_str(), "<math><mi>x</mi></math>");
    }

    #[test]
    fn wrong_latex_is_no_formula() {
        for tex in
            ["", "  ", r"\frac{a}", "{", "}", r"\left(", r"\right)", r"\nothing", "x^2^3", r"\begin{nothing}"]
        {
            assert_eq!(mathml(tex, true), None, "{tex}");
        }
    }

    #[test]
    fn styles_become_classes_and_attributes() {
        for tex in FORMULAS {
            assert!(!written(tex).contains(" style="), "{tex}");
        }
        assert!(written(r"{\color{red} x}").contains("<mrow mathcolor=\"#FF0000\">"));
        assert!(written(r"\begin{array}{c|r} a & b \end{array}").contains("<mtd class=\"math-line-right\">"));
        assert!(written(r"\textbf{x}").contains("<mtext class=\"math-bold\">x</mtext>"));
        assert!(written(r"a\!b").contains("<mspace class=\"math-back\"></mspace>"));
    }

    #[test]
    fn commands_hold_each_other() {
        let outer = written(r"\dv{\abs{f}}{\pmb x}");
        assert_eq!(outer, written(r"\frac{\mathrm{d}\left|f\right|}{\mathrm{d}\boldsymbol{x}}"));
        assert_eq!(written(r"\nicefrac12"), written("{1}/{2}"));
        assert_eq!(written(r"\smash"), written("{}"));
        assert!(written(r"\textcolor{#0A0B0C}{x}").contains("mathcolor=\"#0A0B0C\""));
    }

    #[test]
    fn what_would_lose_a_part_is_refused() {
        assert_eq!(mathml(r"\begin{matrix} \displaystyle a & b \end{matrix}", true), None);
        assert!(mathml(r"\begin{matrix} {\displaystyle a} & b \end{matrix}", true).is_some());
    }

    #[test]
    fn equations_are_numbered_by_tags_alone() {
        assert!(!written(r"\begin{align} a &= b \\ c &= d \end{align}").contains("(1)"));
        assert!(written(r"a = b \tag{7}").contains("<mtext>(7)</mtext>"));
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let hostile = [
            r"\href{javascript:alert(1)}{x}",
            r"\url{javascript:alert(1)}",
            r"\includegraphics{x.png}",
            r#"\htmlClass{x" onclick="alert(1)}{y}"#,
            r"\htmlId{x}{y} \htmlData{a=b}{c}",
            r"\style{color:red}{x}",
            r"\class{x}{y}",
            "<script>alert(1)</script>",
            r"</math><img src=x onerror=alert(1)>",
            r"\text{</mtext></math><img src=x onerror=alert(1)>}",
            r"\text{<b>} \mathrm{<b>} \operatorname{<b>} \texttt{<b>}",
            r#"\text{" onload="x} \text{&lt;b&gt;} &amp; &#60;b&#62;"#,
            r#"\color{red" onload="x}y"#,
            r#"\hspace{1em" onload="x}y"#,
            r#"\begin{align}x\label{a" onload="b}\end{align} \eqref{<img>}"#,
            r#"x \tag{<img src=x> " '}"#,
            "\\text{\u{0}\u{202e}]]><!--}",
            "<![CDATA[<img>]]>",
            "<!-- --><annotation-xml encoding=\"text/html\"><img>",
        ];
        for tex in hostile {
            let markup = written(tex);
            for part in markup.split('<').skip(1) {
                let (tag, _) = part.split_once('>').unwrap();
                let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
                assert!(ELEMENTS.contains(&name.trim_start_matches('/')), "{tex}: {markup}");
                for attribute in attributes.split("\" ").filter(|attribute| !attribute.is_empty()) {
                    let name = attribute.split('=').next().unwrap();
                    let is_known =
                        ATTRIBUTES.contains(&name) || ["class", "mathcolor", "mathsize"].contains(&name);
                    assert!(is_known, "{tex}: {markup}");
                }
            }
        }
    }

    #[test]
    fn the_checker_takes_nothing_that_it_does_not_know() {
        let refused = [
            "",
            "x",
            "<mi>x</mi>",
            "<math><mi>x</math>",
            "<math><mi>x</mi></math><math></math>",
            "<math></math>x",
            "<math><script>x</script></math>",
            "<math><mi onclick=\"x\">x</mi></math>",
            "<math><mi width=\"x(\">x</mi></math>",
            "<math><mi width=x>x</mi></math>",
            "<math><b>x</b></math>",
            "<math><mtext>a<b>x</b></mtext></math>",
            "<math><mtext><b><mi></mi></b></mtext></math>",
            "<math><mtext><img/></mtext></math>",
            "<math><mi>&nbsp;</mi></math>",
            "<math><mi>></mi></math>",
            "<math><math></math></math>",
            "<math><mi>x</mi>",
            "<math",
            "<math><!-- --></math>",
            "<math><mi class=\"other\">x</mi></math>",
            "<math><mi style=\"color:url(x)\">x</mi></math>",
        ];
        for markup in refused {
            assert_eq!(Checker::check(markup), None, "{markup}");
        }
        let ignored = "<math><mtext><a href=\"javascript:x\">1</a></mtext><mi id=\"x\" style=\"position:fixed\">2</mi></math>";
        assert_eq!(Checker::check(ignored).unwrap(), "<math><mtext>1</mtext><mi>2</mi></math>");
    }

    /// How something may hold itself.
    const NESTS: [(&str, &str); 52] = [
        ("^_", ""),
        ("x^_", ""),
        (r"\displaystyle ", ""),
        (r"\displaystyle abc", ""),
        (r"\color{red}", ""),
        (r"\bra\pmod", ""),
        (r"\abs\bra", ""),
        (r"\sfrac\bra", ""),
        (r"\sfrac ", ""),
        (r"\abs{%", "\n}"),
        (r"\sqrt[{a}bc]", ""),
        (r"\sqrt[\alpha]", ""),
        (r"\sqrt[", r"]"),
        (r"\frac\begin{matrix}\end{matrix}", ""),
        (r"\frac\left(\right)", ""),
        (r"\frac\left[\right]", ""),
        (r"\frac[", ""),
        (r"\frac\\", ""),
        (r"\frac&", ""),
        (r"\hat'", ""),
        (r"\overset\text{x}", ""),
        (r"\abs", ""),
        (r"\abs{", "}"),
        (r"\pmb", ""),
        (r"\dv1", ""),
        (r"\textcolor{red}", ""),
        ("{", "}"),
        (r"\sqrt", ""),
        (r"\sqrt{", "}"),
        (r"\sqrt[", "]x"),
        (r"\sqrt[abcdefghi]", ""),
        (r"\hat", ""),
        (r"\hat{}\hat", ""),
        (r"\frac1", ""),
        (r"\frac{abcdefghi}", ""),
        (r"\frac{1}{", "}"),
        (r"\genfrac(){0pt}{}1", ""),
        (r"\left(", r"\right)"),
        (r"\left(abcdefghi", r"\right)"),
        (r"\begin{matrix}", r"\end{matrix}"),
        (r"\begin{matrix}abcdefghi", r"\end{matrix}"),
        (r"\begin{cases}a&", r"\end{cases}"),
        ("x^{", "}"),
        ("x^{abcdefghi", "}"),
        (r"{\color{red}", "}"),
        (r"\boxed", ""),
        (r"\boxed{", "}"),
        (r"\braket{", "}"),
        (r"\substack{", "}"),
        (r"\text{$", "$}"),
        ("{%}\n", "}"),
        (r"\overset{\text{}}", ""),
    ];

    #[test]
    fn deep_nesting_is_refused_before_it_is_read() {
        for (before, after) in NESTS {
            for depth in [10, 31, 120, 300, 1000] {
                let tex = format!("{}x{}", before.repeat(depth), after.repeat(depth));
                let formula = mathml(&tex, true);
                assert!(depth < 300 || formula.is_none(), "{before}");
            }
        }
        let ordinary =
            r"\frac{\alpha}{2} + \sqrt{\beta} = \gamma, \quad \nabla \cdot \mathbf{E} \\ ".repeat(60);
        assert_eq!(ordinary.len() / 1024, 4);
        assert!(mathml(&ordinary, true).is_some());
    }

    #[test]
    fn long_formulas_and_wide_tables_are_refused() {
        assert!(mathml(&"x".repeat(LONGEST_SOURCE), true).is_some());
        assert_eq!(mathml(&"x".repeat(LONGEST_SOURCE + 1), true), None);
        let lines = format!(r"\begin{{array}}{{{}c}}{}\end{{array}}", "|".repeat(3000), r"\\".repeat(1000));
        assert_eq!(mathml(&lines, true), None);
    }

    fn part() -> impl Strategy<Value = String> {
        let parts: Vec<String> = FORMULAS
            .iter()
            .flat_map(|formula| formula.split_inclusive([' ', '{', '}', '&', '_', '^']))
            .map(str::to_owned)
            .collect();
        prop_oneof![
            prop::sample::select(parts),
            r"\\[a-zA-Z]{1,4}",
            r"[\\{}\[\]&_^$%#'~<>|():,.0-9a-z \n]",
            "\\PC"
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_written_nothing_panics_and_what_comes_is_well_formed(
            parts in prop::collection::vec(part(), 0..40),
            is_display: bool,
        ) {
            if let Some(formula) = mathml(&parts.concat(), is_display) {
                prop_assert!(is_well_formed(formula.as_str()), "{}", formula.as_str());
            }
        }
    }
}
