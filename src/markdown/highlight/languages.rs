//! The languages that are coloured: what their words and marks are. It is data alone, kept small: the browser
//! loads it.

/// Everything that the scanner knows of a language.
#[derive(Debug)]
pub struct Language {
    /// What is written after a fence, in lower case. Lists of words are separated by single spaces.
    pub names: &'static str,
    pub kind: Kind,
    pub keywords: &'static str,
    pub types: &'static str,
    pub constants: &'static str,
    /// The marks that make a comment of the rest of a line.
    pub line_comments: &'static str,
    /// The marks around a comment; empty if there is no such comment.
    pub block_comment: (&'static str, &'static str),
    /// The first that fits is taken, so longer marks stand first.
    pub quotes: &'static [Quote],
    /// Words that belong to the string right after them.
    pub prefixes: &'static str,
    /// What is part of a word besides letters, digits and `_`.
    pub letters: &'static str,
    /// Marks that make a name of the word after them.
    pub sigils: &'static str,
    pub rules: &'static [Rule],
}

/// Which scanner reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Code,
    Console,
    Diff,
    Markdown,
    Markup,
    Style,
    Yaml,
}

/// One way to write a string.
#[derive(Debug)]
pub struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    pub escape: Option<char>,
    /// What begins code within the string; its last character is the bracket that is to be closed.
    pub interpolation: &'static str,
    /// `$name` is a variable in it.
    pub has_names: bool,
    pub is_multiline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Keywords in upper case are keywords as well.
    AnyCase,
    /// `#[..]` is an attribute.
    Attributes,
    /// A name in capitals is a constant, one with a capital in front a type.
    Capitals,
    /// A function may have a capital in front.
    CapitalCalls,
    /// A `'` begins a character, or a name such as a lifetime.
    Characters,
    /// As in a shell: a statement's first word is a command, and keywords are keywords there alone.
    Commands,
    /// A comment's mark must follow a space, or begin the line.
    CommentsApart,
    /// A comment's mark must begin the line.
    CommentsFirst,
    /// `#word` at the start of a line is a keyword, as for a preprocessor.
    Directives,
    /// `$(NAME)` is a variable.
    DollarParens,
    /// A statement's first word is a keyword, or a label if `:` follows.
    FirstWords,
    /// Any number of `#` may stand around the marks of a string, which has no escapes then.
    HashedStrings,
    /// The first word in parentheses is a function.
    Heads,
    /// `<<NAME` begins a text that ends with a line `NAME`.
    Heredocs,
    /// The same with `<<<`.
    LongHeredocs,
    /// There is code in a string only if its prefix says so.
    HolesNeedPrefix,
    /// A word or string before `:` is a key.
    KeysBeforeColon,
    /// A word before `=` is a key.
    KeysBeforeEquals,
    /// `name!` is a function.
    Macros,
    /// A comment may hold comments.
    NestedComments,
    /// `/../` is a regular expression, if no value stands before it. It stays plain, quotes in it as well.
    Regexes,
    /// `[name]` at the start of a line is a heading.
    Sections,
    /// A word with a sigil is a keyword.
    SigilsAreKeywords,
    /// A word before ` ::` is a function.
    Signatures,
    /// There are tags in it, as in JSX.
    Tags,
    /// What stands before `:` at the start of a line is a target.
    Targets,
}

/// The language of that name.
pub fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| lists(language.names, name, true))
}

/// Whether a word is in a list of words.
pub fn lists(words: &str, word: &str, any_case: bool) -> bool {
    !word.is_empty()
        && words.split(' ').any(|listed| listed == word || any_case && listed.eq_ignore_ascii_case(word))
}

const DOUBLE: Quote = Quote {
    open: "\"",
    close: "\"",
    escape: Some('\\'),
    interpolation: "",
    has_names: false,
    is_multiline: false,
};
const SINGLE: Quote = Quote { open: "'", close: "'", ..DOUBLE };
const LONG_DOUBLE: Quote = Quote { is_multiline: true, ..DOUBLE };
const LONG_SINGLE: Quote = Quote { is_multiline: true, ..SINGLE };
const TRIPLE: Quote = Quote { open: "\"\"\"", close: "\"\"\"", ..LONG_DOUBLE };
const TRIPLE_SINGLE: Quote = Quote { open: "'''", close: "'''", ..LONG_SINGLE };
const VERBATIM_DOUBLE: Quote = Quote { escape: None, ..LONG_DOUBLE };
const VERBATIM_SINGLE: Quote = Quote { escape: None, ..LONG_SINGLE };
const BACKTICKS: Quote = Quote { open: "`", close: "`", ..VERBATIM_DOUBLE };
const WITH_NAMES: Quote = Quote { has_names: true, ..LONG_DOUBLE };
const WITH_BRACES: Quote = Quote { interpolation: "${", has_names: true, ..DOUBLE };
const WITH_BRACES_SINGLE: Quote = Quote { open: "'", close: "'", ..WITH_BRACES };
const WITH_BRACES_TRIPLE: Quote = Quote { interpolation: "${", has_names: true, ..TRIPLE };
const WITH_HASHES: Quote = Quote { interpolation: "#{", ..LONG_DOUBLE };
const TEMPLATE: Quote = Quote { open: "`", close: "`", interpolation: "${", ..LONG_DOUBLE };

const PLAIN: Language = Language {
    names: "",
    kind: Kind::Code,
    keywords: "",
    types: "",
    constants: "",
    line_comments: "",
    block_comment: ("", ""),
    quotes: &[DOUBLE, SINGLE],
    prefixes: "",
    letters: "",
    sigils: "",
    rules: &[],
};

const SLASHES: Language = Language {
    line_comments: "//",
    block_comment: ("/*", "*/"),
    constants: "true false null",
    rules: &[Rule::Capitals],
    ..PLAIN
};

const HASH: Language = Language { line_comments: "#", ..PLAIN };

const SCRIPT: Language = Language {
    quotes: &[DOUBLE, SINGLE, TEMPLATE],
    constants: "true false null undefined NaN Infinity",
    letters: "$",
    sigils: "@",
    rules: &[Rule::Capitals, Rule::Regexes, Rule::Tags],
    ..SLASHES
};

const LISP: Language = Language {
    line_comments: ";",
    block_comment: ("#|", "|#"),
    quotes: &[LONG_DOUBLE],
    letters: "-+*/!?<>=.",
    sigils: ":",
    rules: &[Rule::Heads, Rule::NestedComments],
    ..PLAIN
};

const MARKUP: Language = Language {
    kind: Kind::Markup,
    block_comment: ("<!--", "-->"),
    quotes: &[VERBATIM_DOUBLE, VERBATIM_SINGLE],
    ..PLAIN
};

static LANGUAGES: &[Language] = &[
    Language {
        names: "rust rs rustdoc",
        keywords: "as async await break const continue crate dyn else enum extern fn for gen if impl in let loop match mod move mut pub ref return self static struct super trait type unsafe use where while yield macro_rules union",
        types: "bool char str i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 Self",
        constants: "true false",
        quotes: &[LONG_DOUBLE],
        prefixes: "r b br c cr",
        rules: &[
            Rule::Capitals,
            Rule::Characters,
            Rule::HashedStrings,
            Rule::Macros,
            Rule::Attributes,
            Rule::NestedComments,
        ],
        ..SLASHES
    },
    Language {
        names: "python py python3 py3 pyi pyw gyp starlark bazel bzl gdscript gd mojo ipython",
        keywords: "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case self cls",
        types: "int float str bool bytes list dict set tuple object complex frozenset bytearray",
        constants: "True False None NotImplemented Ellipsis __name__",
        quotes: &[
            Quote { interpolation: "{", ..TRIPLE },
            Quote { interpolation: "{", ..TRIPLE_SINGLE },
            Quote { interpolation: "{", ..DOUBLE },
            Quote { interpolation: "{", ..SINGLE },
        ],
        prefixes: "r b f u t br rb fr rf tr rt",
        sigils: "@",
        rules: &[Rule::Capitals, Rule::HolesNeedPrefix],
        ..HASH
    },
    Language {
        names: "javascript js mjs cjs jsx node ecmascript es6",
        keywords: "as async await break case catch class const continue debugger default delete do else export extends finally for from function get if import in instanceof let new of return set static super switch this throw try typeof var void while with yield",
        ..SCRIPT
    },
    Language {
        names: "typescript ts tsx mts cts deno",
        keywords: "abstract as asserts async await break case catch class const continue debugger declare default delete do else enum export extends finally for from function get if implements import in infer instanceof interface is keyof let module namespace new of override private protected public readonly return satisfies set static super switch this throw try type typeof var void while with yield",
        types: "any bigint boolean never number object string symbol unknown",
        ..SCRIPT
    },
    Language {
        names: "java",
        keywords: "abstract assert break case catch class const continue default do else enum extends final finally for goto if implements import instanceof interface native new non-sealed package permits private protected public record return sealed static strictfp super switch synchronized this throw throws transient try var void volatile while yield",
        types: "boolean byte char double float int long short",
        quotes: &[TRIPLE, DOUBLE, SINGLE],
        sigils: "@",
        ..SLASHES
    },
    Language {
        names: "kotlin kt kts",
        keywords: "abstract actual annotation as break by catch class companion const constructor continue crossinline do else enum expect external final finally for fun get if import in infix init inline inner interface internal is lateinit noinline object open operator out override package private protected public reified return sealed set super suspend tailrec this throw try typealias val var vararg when where while data",
        quotes: &[Quote { escape: None, ..WITH_BRACES_TRIPLE }, WITH_BRACES, SINGLE],
        sigils: "@",
        rules: &[Rule::Capitals, Rule::NestedComments],
        ..SLASHES
    },
    Language {
        names: "swift",
        keywords: "actor any as associatedtype async await break case catch class continue convenience default defer deinit do dynamic else enum extension fallthrough fileprivate final for func get guard if import in indirect init inout internal is lazy let mutating nonisolated open operator override private protocol public repeat required rethrows return self set some static struct subscript super switch throw throws try typealias unowned var weak where while",
        constants: "true false nil",
        quotes: &[Quote { interpolation: "\\(", ..TRIPLE }, Quote { interpolation: "\\(", ..DOUBLE }],
        sigils: "@",
        rules: &[Rule::Capitals, Rule::HashedStrings, Rule::Directives, Rule::NestedComments],
        ..SLASHES
    },
    Language {
        names: "c h",
        keywords: "_Alignas _Alignof _Atomic _Generic _Noreturn _Static_assert _Thread_local alignas alignof auto break case const constexpr continue default do else enum extern for goto if inline register restrict return sizeof static static_assert struct switch thread_local typedef typeof union volatile while",
        types: "_Bool bool char double float int long short signed unsigned void size_t ssize_t ptrdiff_t intptr_t uintptr_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t FILE",
        constants: "true false NULL nullptr",
        prefixes: "L u U u8",
        rules: &[Rule::Capitals, Rule::CapitalCalls, Rule::Directives],
        ..SLASHES
    },
    Language {
        names: "cpp c++ cc cxx hpp h++ hh hxx cuda cu arduino ino",
        keywords: "alignas alignof and asm auto break case catch class co_await co_return co_yield concept const const_cast consteval constexpr constinit continue decltype default delete do dynamic_cast else enum explicit export extern final for friend goto if import inline module mutable namespace new noexcept not operator or override private protected public register reinterpret_cast requires return sizeof static static_assert static_cast struct switch template this thread_local throw try typedef typeid typename union using virtual volatile while __global__ __device__ __host__ __shared__",
        types: "bool char char8_t char16_t char32_t double float int long short signed unsigned void wchar_t size_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t string vector map set pair optional variant unique_ptr shared_ptr string_view unordered_map",
        constants: "true false nullptr NULL",
        quotes: &[Quote { open: "R\"(", close: ")\"", ..VERBATIM_DOUBLE }, DOUBLE, SINGLE],
        prefixes: "L u U u8",
        rules: &[Rule::Capitals, Rule::CapitalCalls, Rule::Directives],
        ..SLASHES
    },
    Language {
        names: "csharp cs c# dotnet",
        keywords: "abstract add as async await base break case catch checked class const continue default delegate do else enum event explicit extern finally fixed for foreach from get global goto group if implicit in init interface internal into is join let lock nameof namespace new on operator orderby out override params partial private protected public readonly record ref remove required return sealed select set sizeof stackalloc static struct switch this throw try typeof unchecked unsafe using var virtual void volatile when where while with yield",
        types: "bool byte char decimal double dynamic float int long nint nuint object sbyte short string uint ulong ushort",
        quotes: &[
            Quote { open: "$\"\"\"", interpolation: "{", escape: None, ..TRIPLE },
            Quote { escape: None, ..TRIPLE },
            Quote { open: "$@\"", interpolation: "{", ..VERBATIM_DOUBLE },
            Quote { open: "@$\"", interpolation: "{", ..VERBATIM_DOUBLE },
            Quote { open: "@\"", ..VERBATIM_DOUBLE },
            Quote { open: "$\"", interpolation: "{", ..DOUBLE },
            DOUBLE,
            SINGLE,
        ],
        rules: &[Rule::Capitals, Rule::CapitalCalls, Rule::Directives],
        ..SLASHES
    },
    Language {
        names: "go golang",
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var",
        types: "any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr",
        constants: "true false nil iota",
        quotes: &[DOUBLE, SINGLE, BACKTICKS],
        rules: &[Rule::Capitals, Rule::CapitalCalls],
        ..SLASHES
    },
    Language {
        names: "ruby rb erb rake gemfile crystal cr",
        keywords: "BEGIN END alias and begin break case class def defined? do else elsif end ensure extend for if in include lambda loop module next not or prepend private proc protected public raise redo require require_relative rescue retry return self super then undef unless until when while yield attr_accessor attr_reader attr_writer",
        constants: "true false nil __FILE__ __dir__",
        block_comment: ("=begin", "=end"),
        quotes: &[WITH_HASHES, LONG_SINGLE, Quote { open: "`", close: "`", ..WITH_HASHES }],
        letters: "?!",
        sigils: "@$:",
        rules: &[Rule::Capitals, Rule::Heredocs, Rule::Regexes, Rule::KeysBeforeColon],
        ..HASH
    },
    Language {
        names: "php php3 php8",
        keywords: "abstract and array as break callable case catch class clone const continue declare default do echo else elseif empty enum extends final finally fn for foreach function global goto if implements include include_once instanceof insteadof interface isset list match namespace new or parent print private protected public readonly require require_once return self static switch throw trait try unset use var while xor yield",
        types: "bool float int iterable mixed never object string void",
        constants: "true false null TRUE FALSE NULL",
        line_comments: "// #",
        quotes: &[WITH_NAMES, LONG_SINGLE],
        sigils: "$",
        rules: &[Rule::Capitals, Rule::LongHeredocs, Rule::Attributes],
        ..SLASHES
    },
    Language {
        names: "perl pl pm",
        keywords: "and bless cmp continue die do else elsif eq eval exit for foreach ge given gt if keys last le local lt map my ne next no not or our package print printf push return say shift sort sub undef unless until use values wantarray when while x xor",
        block_comment: ("=pod", "=cut"),
        quotes: &[WITH_NAMES, LONG_SINGLE],
        sigils: "$@%",
        rules: &[Rule::Capitals, Rule::Heredocs, Rule::Regexes],
        ..HASH
    },
    Language {
        names: "lua luau",
        keywords: "and break continue do else elseif end for function goto if in local not or repeat return self then until while",
        constants: "true false nil",
        line_comments: "--",
        block_comment: ("--[[", "]]"),
        quotes: &[Quote { open: "[[", close: "]]", ..VERBATIM_DOUBLE }, DOUBLE, SINGLE],
        ..PLAIN
    },
    Language {
        names: "r rscript splus",
        keywords: "break else for function if in library next repeat require return source while",
        constants: "TRUE FALSE NULL NA NaN Inf T F",
        quotes: &[LONG_DOUBLE, LONG_SINGLE],
        letters: ".",
        ..HASH
    },
    Language {
        names: "julia jl",
        keywords: "abstract baremodule begin break catch const continue do else elseif end export finally for function global if import in isa let local macro module mutable primitive quote return struct try type using where while",
        constants: "true false nothing missing pi Inf NaN",
        block_comment: ("#=", "=#"),
        quotes: &[
            Quote { interpolation: "$(", ..WITH_BRACES_TRIPLE },
            Quote { interpolation: "$(", has_names: true, ..LONG_DOUBLE },
        ],
        prefixes: "r b raw",
        letters: "!",
        sigils: "@:",
        rules: &[Rule::Capitals, Rule::Characters, Rule::NestedComments],
        ..HASH
    },
    Language {
        names: "scala sc sbt",
        keywords: "abstract case catch class def derives do else end enum export extends extension final finally for forSome given if implicit import inline lazy match new object opaque override package private protected return sealed super then this throw trait try type using val var while with yield",
        quotes: &[WITH_BRACES_TRIPLE, WITH_BRACES],
        prefixes: "s f raw",
        sigils: "@",
        rules: &[Rule::Capitals, Rule::Characters, Rule::NestedComments, Rule::HolesNeedPrefix],
        ..SLASHES
    },
    Language {
        names: "dart flutter",
        keywords: "abstract as assert async await base break case catch class const continue covariant default deferred do else enum export extends extension external factory final finally for get hide if implements import in interface is late library mixin new on operator part required rethrow return sealed set show static super switch sync this throw try typedef var when while with yield",
        types: "bool double dynamic int num void",
        quotes: &[
            WITH_BRACES_TRIPLE,
            Quote { open: "'''", close: "'''", ..WITH_BRACES_TRIPLE },
            WITH_BRACES,
            WITH_BRACES_SINGLE,
        ],
        prefixes: "r",
        sigils: "@",
        ..SLASHES
    },
    Language {
        names: "elixir ex exs heex",
        keywords: "after alias and case catch cond def defdelegate defexception defguard defimpl defmacro defmacrop defmodule defp defprotocol defstruct do else end fn for if import in not or quote raise receive require rescue try unless unquote use when with",
        constants: "true false nil",
        quotes: &[Quote { interpolation: "#{", ..TRIPLE }, WITH_HASHES, LONG_SINGLE],
        letters: "?!",
        sigils: "@:",
        rules: &[Rule::Capitals, Rule::KeysBeforeColon],
        ..HASH
    },
    Language {
        names: "erlang erl",
        keywords: "after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse receive rem try when xor",
        constants: "true false undefined",
        line_comments: "%",
        quotes: &[LONG_DOUBLE, SINGLE],
        sigils: "?#",
        ..PLAIN
    },
    Language {
        names: "haskell hs lhs elm purescript purs",
        keywords: "as case class data default deriving do else family forall foreign hiding if import in infix infixl infixr instance let mdo module newtype of port qualified rec then type where",
        line_comments: "--",
        block_comment: ("{-", "-}"),
        quotes: &[TRIPLE, DOUBLE],
        letters: "'",
        rules: &[Rule::Capitals, Rule::Characters, Rule::NestedComments, Rule::Signatures],
        ..PLAIN
    },
    Language {
        names: "ocaml ml mli reason",
        keywords: "and as assert begin class constraint do done downto else end exception external for fun function functor if in include inherit initializer lazy let match method module mutable new nonrec object of open or private rec sig struct then to try type val virtual when while with",
        types: "bool bytes char exn float int list option string unit array",
        constants: "true false",
        block_comment: ("(*", "*)"),
        quotes: &[Quote { open: "{|", close: "|}", ..VERBATIM_DOUBLE }, LONG_DOUBLE],
        letters: "'",
        rules: &[Rule::Capitals, Rule::Characters, Rule::NestedComments],
        ..PLAIN
    },
    Language {
        names: "fsharp f# fs fsx fsi",
        keywords: "abstract and as assert async base begin class default delegate do done downcast downto elif else end exception extern finally fixed for fun function global if in inherit inline interface internal lazy let match member module mutable namespace new not of open or override private public rec return sig static struct then to try type upcast use val void when while with yield",
        types: "bool byte char decimal float int int64 list obj option seq string uint unit array",
        block_comment: ("(*", "*)"),
        quotes: &[
            Quote { open: "$\"", interpolation: "{", ..DOUBLE },
            TRIPLE,
            Quote { open: "@\"", ..VERBATIM_DOUBLE },
            LONG_DOUBLE,
        ],
        letters: "'",
        rules: &[Rule::Capitals, Rule::Characters, Rule::NestedComments, Rule::Directives],
        ..SLASHES
    },
    Language {
        names: "clojure clj cljs cljc edn",
        keywords: "case catch cond def defmacro defmethod defmulti defn defn- defprotocol defrecord deftype do doseq dotimes finally fn for if if-let if-not let letfn loop new ns or quote recur require throw try var when when-let when-not while and not",
        constants: "true false nil",
        block_comment: ("", ""),
        ..LISP
    },
    Language {
        names: "lisp scheme scm rkt racket elisp emacs-lisp common-lisp cl el",
        keywords: "and begin case cond declare defclass defconstant defgeneric define define-record-type define-syntax defmacro defmethod defparameter defpackage defstruct defun defvar do dolist dotimes else flet if in-package labels lambda let let* letrec loop not or progn quote require set! setf setq syntax-rules unless when while",
        constants: "nil t",
        ..LISP
    },
    Language {
        names: "sql postgres postgresql pgsql psql plpgsql plsql mysql mariadb sqlite sqlite3 tsql mssql bigquery snowflake duckdb cql hive redshift",
        keywords: "add all alter analyze and any as asc auto_increment autoincrement before after begin between by cascade case cast check column comment commit conflict constraint create cross cube current current_date current_time current_timestamp cursor database declare default delete desc describe distinct do drop each else elsif end escape except exec execute exists explain extension fetch filter first following for foreign from full function grant group grouping having if ignore ilike in index inner insert intersect interval into is isolation join key language last lateral left level like limit loop materialized merge minus natural no not nothing nulls of offset on only or order outer over partition percent pragma preceding primary procedure range recursive references rename replace restrict return returning returns revoke right role rollback rollup row rows savepoint schema select sequence set show similar some start table temp temporary then tablesample to top transaction trigger truncate unbounded union unique update use user using vacuum values view when where while window with within without",
        types: "array bigint bigserial binary bit blob boolean bool bytea char character clob date datetime decimal double enum float inet int integer json jsonb money nchar number numeric nvarchar precision real serial smallint text time timestamp timestamptz timetz tinyint uuid varbinary varchar varchar2 xml zone",
        constants: "true false null unknown",
        line_comments: "--",
        block_comment: ("/*", "*/"),
        quotes: &[VERBATIM_SINGLE, VERBATIM_DOUBLE, BACKTICKS],
        prefixes: "n e b x u&",
        sigils: "@:$",
        rules: &[Rule::AnyCase, Rule::CommentsApart],
        ..PLAIN
    },
    Language {
        names: "bash sh zsh shell ksh fish shellscript ash dash",
        keywords: "begin break case continue declare do done elif else end esac eval exec exit export fi for function if in local readonly return select set shift source sudo then time trap typeset unset until while",
        quotes: &[
            Quote { open: "$'", ..LONG_SINGLE },
            Quote { interpolation: "$(", ..WITH_NAMES },
            VERBATIM_SINGLE,
        ],
        letters: "-./",
        sigils: "$",
        rules: &[Rule::Commands, Rule::CommentsApart, Rule::Heredocs, Rule::KeysBeforeEquals],
        ..HASH
    },
    Language {
        names: "console shell-session sh-session shellsession bash-session terminal",
        kind: Kind::Console,
        ..PLAIN
    },
    Language {
        names: "powershell ps1 ps pwsh psm1 posh",
        keywords: "begin break catch class continue data do dynamicparam else elseif end enum exit filter finally for foreach from function if in param process return switch throw trap try until using while",
        block_comment: ("<#", "#>"),
        quotes: &[
            Quote { open: "@\"", close: "\"@", interpolation: "$(", escape: Some('`'), ..WITH_NAMES },
            Quote { open: "@'", close: "'@", ..VERBATIM_SINGLE },
            Quote { interpolation: "$(", escape: Some('`'), ..WITH_NAMES },
            VERBATIM_SINGLE,
        ],
        letters: "-",
        sigils: "$",
        rules: &[Rule::AnyCase, Rule::Commands],
        ..HASH
    },
    Language {
        names: "batch bat cmd dosbatch",
        keywords: "call defined do else endlocal equ errorlevel exist exit for geq goto gtr if in leq lss neq not pause setlocal shift",
        line_comments: ":: rem @rem REM @REM Rem",
        quotes: &[Quote { escape: None, ..DOUBLE }],
        letters: "-.\\",
        sigils: "%",
        rules: &[Rule::AnyCase, Rule::Commands, Rule::CommentsFirst, Rule::KeysBeforeEquals],
        ..PLAIN
    },
    Language {
        names: "json jsonc json5 jsonl ndjson webmanifest geojson",
        constants: "true false null NaN Infinity",
        rules: &[Rule::KeysBeforeColon],
        ..SLASHES
    },
    Language {
        names: "yaml yml eyaml",
        kind: Kind::Yaml,
        constants: "true false null yes no on off ~ True False Yes No",
        quotes: &[LONG_DOUBLE, VERBATIM_SINGLE],
        rules: &[Rule::KeysBeforeColon],
        ..HASH
    },
    Language {
        names: "toml",
        constants: "true false inf nan",
        quotes: &[TRIPLE, Quote { escape: None, ..TRIPLE_SINGLE }, DOUBLE, Quote { escape: None, ..SINGLE }],
        letters: "-.",
        rules: &[Rule::Sections, Rule::KeysBeforeEquals],
        ..HASH
    },
    Language {
        names: "ini cfg conf properties env dotenv editorconfig gitconfig desktop systemd service",
        constants: "true false yes no on off",
        line_comments: "# ;",
        quotes: &[Quote { escape: None, ..DOUBLE }],
        letters: "-.",
        rules: &[Rule::Sections, Rule::KeysBeforeEquals, Rule::CommentsFirst],
        ..PLAIN
    },
    Language {
        names: "html htm xhtml xml svg rss atom xsl xslt xsd plist mathml vue svelte astro",
        ..MARKUP
    },
    Language { names: "css postcss", kind: Kind::Style, block_comment: ("/*", "*/"), ..PLAIN },
    Language {
        names: "scss less",
        kind: Kind::Style,
        line_comments: "//",
        block_comment: ("/*", "*/"),
        rules: &[Rule::CommentsApart],
        ..PLAIN
    },
    Language { names: "markdown md mdx mkd", kind: Kind::Markdown, ..PLAIN },
    Language { names: "diff patch udiff", kind: Kind::Diff, ..PLAIN },
    Language {
        names: "dockerfile docker containerfile",
        keywords: "ADD ARG AS CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR as",
        quotes: &[Quote { has_names: true, ..DOUBLE }, SINGLE],
        letters: "-./",
        sigils: "$",
        rules: &[Rule::CommentsApart, Rule::KeysBeforeEquals, Rule::Heredocs],
        ..HASH
    },
    Language {
        names: "makefile make mk mak gnumake",
        keywords: "define else endef endif export ifdef ifeq ifndef ifneq include override unexport vpath",
        letters: "-./",
        sigils: "$",
        rules: &[Rule::CommentsApart, Rule::DollarParens, Rule::KeysBeforeEquals, Rule::Targets],
        ..HASH
    },
    Language {
        names: "cmake",
        keywords: "if elseif else endif foreach endforeach while endwhile function endfunction macro endmacro return include set option",
        constants: "ON OFF TRUE FALSE",
        quotes: &[WITH_NAMES],
        sigils: "$",
        rules: &[Rule::AnyCase],
        ..HASH
    },
    Language {
        names: "nginx nginxconf apache apacheconf caddy caddyfile",
        constants: "on off",
        letters: "-./",
        sigils: "$",
        rules: &[Rule::FirstWords, Rule::CommentsApart],
        ..HASH
    },
    Language {
        names: "graphql gql",
        keywords: "directive enum extend fragment implements input interface mutation on query repeatable scalar schema subscription type union",
        types: "Boolean Float ID Int String",
        constants: "true false null",
        quotes: &[TRIPLE, DOUBLE],
        sigils: "$@",
        rules: &[Rule::Capitals, Rule::KeysBeforeColon],
        ..HASH
    },
    Language {
        names: "protobuf proto proto3",
        keywords: "enum extend extensions import map max message oneof option optional package public repeated required reserved returns rpc service stream syntax to",
        types: "bool bytes double fixed32 fixed64 float int32 int64 sfixed32 sfixed64 sint32 sint64 string uint32 uint64",
        rules: &[Rule::Capitals, Rule::KeysBeforeEquals],
        ..SLASHES
    },
    Language {
        names: "prisma",
        keywords: "datasource enum generator model type",
        types: "BigInt Boolean Bytes DateTime Decimal Float Int Json String",
        sigils: "@",
        ..SLASHES
    },
    Language {
        names: "zig",
        keywords: "align allowzero and anyframe asm async await break callconv catch comptime const continue defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend opaque or orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace var volatile while",
        types: "anyerror anyopaque anytype bool comptime_float comptime_int f16 f32 f64 f128 i8 i16 i32 i64 i128 isize noreturn type u8 u16 u32 u64 u128 usize void",
        constants: "true false null undefined",
        block_comment: ("", ""),
        quotes: &[Quote { open: "\\\\", close: "\n", escape: None, ..DOUBLE }, DOUBLE, SINGLE],
        sigils: "@",
        ..SLASHES
    },
    Language {
        names: "nix",
        keywords: "assert else if in inherit let or rec then with import builtins",
        constants: "true false null",
        block_comment: ("/*", "*/"),
        quotes: &[
            Quote { open: "''", close: "''", interpolation: "${", ..VERBATIM_DOUBLE },
            Quote { interpolation: "${", ..LONG_DOUBLE },
        ],
        letters: "-'.",
        rules: &[Rule::KeysBeforeEquals],
        ..HASH
    },
    Language {
        names: "terraform tf hcl tfvars opentofu",
        keywords: "check data dynamic else endfor endif for if import in locals module moved output provider removed resource terraform variable",
        types: "any bool list map number object set string tuple",
        constants: "true false null",
        line_comments: "# //",
        block_comment: ("/*", "*/"),
        quotes: &[Quote { interpolation: "${", ..DOUBLE }],
        letters: "-",
        rules: &[Rule::Heredocs, Rule::KeysBeforeEquals],
        ..PLAIN
    },
    Language {
        names: "assembly asm nasm x86asm armasm gas s masm",
        types: "al ah ax eax rax bl bh bx ebx rbx cl ch cx ecx rcx dl dh dx edx rdx si esi rsi di edi rdi sp esp rsp bp ebp rbp r8 r9 r10 r11 r12 r13 r14 r15 xmm0 xmm1 xmm2 xmm3 r0 r1 r2 r3 r4 r5 r6 r7 lr pc byte word dword qword ptr",
        line_comments: "; //",
        letters: ".$",
        sigils: "%",
        rules: &[Rule::AnyCase, Rule::FirstWords],
        ..PLAIN
    },
    Language {
        names: "wasm wat wast webassembly",
        keywords: "block br br_if br_table call call_indirect data drop elem else end export func global if import local loop memory module mut offset param result return select start table then type",
        types: "i32 i64 f32 f64 v128 funcref externref",
        line_comments: ";;",
        block_comment: ("(;", ";)"),
        sigils: "$",
        letters: ".",
        ..LISP
    },
    Language {
        names: "latex tex bibtex bib",
        line_comments: "%",
        quotes: &[],
        sigils: "\\",
        rules: &[Rule::SigilsAreKeywords],
        ..PLAIN
    },
    Language {
        names: "matlab octave",
        keywords: "break case catch classdef continue else elseif end endfunction endif endfor enumeration events for function global if methods otherwise parfor persistent properties return switch try until while",
        constants: "true false pi Inf NaN eps",
        line_comments: "%",
        block_comment: ("%{", "%}"),
        quotes: &[Quote { escape: None, ..DOUBLE }, Quote { escape: None, ..SINGLE }],
        sigils: "@",
        ..PLAIN
    },
    Language {
        names: "objective-c objectivec objc obj-c mm m",
        keywords: "@autoreleasepool @catch @class @dynamic @end @finally @implementation @import @interface @optional @private @property @protocol @public @required @selector @synthesize @throw @try auto break case const continue default do else enum extern for goto if in inline nonatomic return self sizeof static strong struct super switch typedef union weak while copy assign readonly",
        types: "BOOL bool char double float id instancetype int long short signed unsigned void",
        constants: "YES NO nil Nil NULL true false",
        quotes: &[Quote { open: "@\"", ..DOUBLE }, DOUBLE, SINGLE],
        sigils: "@",
        rules: &[Rule::Capitals, Rule::CapitalCalls, Rule::Directives],
        ..SLASHES
    },
    Language {
        names: "groovy gradle jenkinsfile",
        keywords: "abstract as assert break case catch class const continue def default do else enum extends final finally for if implements import in instanceof interface new package private protected public return static super switch synchronized this throw throws trait try var void while",
        types: "boolean byte char double float int long short",
        quotes: &[WITH_BRACES_TRIPLE, TRIPLE_SINGLE, WITH_BRACES, SINGLE],
        sigils: "@",
        rules: &[Rule::Capitals, Rule::Regexes],
        ..SLASHES
    },
    Language {
        names: "solidity sol",
        keywords: "abstract anonymous as assembly break calldata catch constant constructor continue contract delete do else emit enum error event external fallback for function if immutable import indexed interface internal is library mapping memory modifier new override payable pragma private public pure receive return returns revert storage struct this try type unchecked using var view virtual while",
        types: "address bool byte bytes bytes4 bytes32 int int256 string uint uint8 uint16 uint32 uint64 uint128 uint256",
        constants: "true false ether gwei wei days hours minutes seconds",
        ..SLASHES
    },
    Language {
        names: "vim viml vimscript nvim",
        keywords: "au augroup autocmd break call catch colorscheme command continue echo else elseif end endfor endfunction endif endtry endwhile execute exe filetype finally for func function hi highlight if in inoremap let map nmap nnoremap noremap onoremap plugin return set setlocal silent source syntax throw try unlet vnoremap while xnoremap",
        line_comments: "\"",
        quotes: &[DOUBLE, Quote { escape: None, ..SINGLE }],
        sigils: "&",
        rules: &[Rule::CommentsFirst],
        ..PLAIN
    },
    Language {
        names: "pascal delphi objectpascal",
        keywords: "and array as asm begin case class const constructor destructor div do downto else end except exports finalization finally for function goto if implementation in inherited initialization interface is label library mod not object of on operator or out override packed private procedure program property protected public published raise record repeat set shl shr then threadvar to try type unit until uses var virtual while with xor",
        types: "boolean byte cardinal char double extended int64 integer longint pchar real shortint single string word",
        constants: "true false nil",
        line_comments: "//",
        block_comment: ("{", "}"),
        quotes: &[Quote { escape: None, ..SINGLE }],
        rules: &[Rule::AnyCase],
        ..PLAIN
    },
    Language {
        names: "fortran f90 f95 f03 f77",
        keywords: "allocatable allocate call case close contains continue cycle deallocate default dimension do else elseif end enddo endif exit format function goto if implicit in inout intent interface module none only open out parameter pointer print private procedure program public pure read recursive result return save select stop subroutine target then type use where while write",
        types: "character complex double integer logical precision real",
        line_comments: "!",
        rules: &[Rule::AnyCase],
        ..PLAIN
    },
    Language {
        names: "vb vbnet vba vb.net visualbasic vbs vbscript basic",
        keywords: "addhandler and andalso as byref byval call case catch class const continue declare dim do each else elseif end enum erase exit finally for friend function get goto handles if imports in inherits interface is isnot let like loop me mod module mustinherit namespace new next not of on option optional or orelse overrides private property protected public raiseevent redim resume return select set shared static step structure sub then throw to try until using wend when while with xor",
        types: "boolean byte date decimal double integer long object short single string variant",
        constants: "true false nothing",
        line_comments: "'",
        quotes: &[Quote { escape: None, ..DOUBLE }],
        rules: &[Rule::AnyCase, Rule::CapitalCalls],
        ..PLAIN
    },
    Language {
        names: "nim nimrod",
        keywords: "addr and as asm bind block break case cast concept const continue converter defer discard distinct div do elif else end enum except export finally for from func if import in include interface is isnot iterator let macro method mixin mod nil not notin object of or out proc ptr raise ref return shl shr static template try tuple type using var when while xor yield",
        types: "bool char float float32 float64 int int8 int16 int32 int64 seq string uint void",
        constants: "true false",
        block_comment: ("#[", "]#"),
        quotes: &[TRIPLE, DOUBLE, SINGLE],
        rules: &[Rule::Capitals, Rule::NestedComments],
        ..HASH
    },
    Language {
        names: "glsl hlsl wgsl shader vert frag metal",
        keywords: "attribute break case const continue default discard do else enable fn for if in inout layout let loop out override precision return static struct switch uniform var varying while cbuffer register",
        types: "bool float int uint void double vec2 vec3 vec4 mat2 mat3 mat4 float2 float3 float4 float4x4 sampler sampler2D samplerCube texture2D f16 f32 i32 u32 array ptr atomic",
        sigils: "@",
        rules: &[Rule::Directives],
        ..SLASHES
    },
];

/// One name of each language, for tests of all of them.
#[cfg(test)]
pub fn first_names() -> Vec<&'static str> {
    LANGUAGES.iter().filter_map(|language| language.names.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_own_language_and_no_list_has_a_gap() {
        for language in LANGUAGES {
            for name in language.names.split(' ') {
                let found = find(name).unwrap();
                assert!(std::ptr::eq(found, language), "{name} is {}", found.names);
                assert!(std::ptr::eq(find(&name.to_uppercase()).unwrap(), language));
            }
            let lists = [language.keywords, language.types, language.constants, language.line_comments];
            for list in lists.into_iter().chain([language.prefixes]) {
                assert!(
                    list.is_empty() || list.split(' ').all(|word| !word.is_empty()),
                    "{}: {list:?}",
                    language.names
                );
                let mut words: Vec<_> = list.split(' ').collect();
                words.sort_unstable();
                assert!(
                    words.windows(2).all(|pair| pair[0] != pair[1]),
                    "{}: twice in {list:?}",
                    language.names
                );
            }
        }
    }

    #[test]
    fn an_unknown_language_is_not_found() {
        for name in ["", " ", "text", "plaintext", "rust rs", "mermaid"] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
