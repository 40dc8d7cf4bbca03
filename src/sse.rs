//! Event streams (`text/event-stream`), as the WHATWG HTML standard defines them: a decoder that takes bytes
//! in any pieces, and an encoder.
//!
//! The decoder reads the upstream on the server and our own server in the browser. It differs from the
//! standard in two ways, both needed by real upstreams (wire reference, sections 2.2 and 7): comments are
//! reported, because they are a sign of life, and so is a line with the field `error`, which llama-box sends.
//! It is bounded: an event larger than [`Limits`] allows is an error, not memory.

/// What the decoder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Event(Event),
    /// A line that begins with a colon.
    Comment,
    /// The value of a line with the field `error`, reported at its line's end.
    ErrorField(String),
}

/// An event: a block of lines with at least one `data` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The field `event`; empty if there was none.
    pub name: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// The last `id` seen, in this event or an earlier one.
    pub id: Option<String>,
}

/// How large an event may become, in bytes of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For any event.
    pub text: usize,
    /// For an event that holds an image as a data URL, which is one line of megabytes.
    pub image: usize,
}

impl Default for Limits {
    /// 1 MiB of text: the longest line recorded from OpenRouter has 7,246 bytes. 32 MiB for images.
    fn default() -> Self {
        Self { text: 1 << 20, image: 32 << 20 }
    }
}

/// The event under way has outgrown its limit. Nothing more can be decoded from this stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {limit} bytes")]
pub struct TooLarge {
    pub limit: usize,
}

/// Turns bytes into frames. The cuts between the pieces given to [`Decoder::push`] make no difference.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about where in the stream it stands"
)]
pub struct Decoder {
    limits: Limits,
    /// The line under way, without its end.
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_carriage_return: bool,
    past_first_line: bool,
    /// Whether the event under way was seen to hold an image; asked once it outgrows the text limit.
    holds_image: bool,
}

impl Decoder {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Decodes the next bytes and gives each frame that they complete to `on_frame`.
    ///
    /// What the input's end leaves unfinished is not an event: there is nothing to call at the end.
    ///
    /// # Errors
    /// [`TooLarge`] when the event under way outgrows its limit; the frames before it have been given.
    pub fn push(&mut self, bytes: &[u8], mut on_frame: impl FnMut(Frame)) -> Result<(), TooLarge> {
        let mut rest = bytes;
        if self.after_carriage_return && !rest.is_empty() {
            self.after_carriage_return = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend_line(&rest[..end])?;
            self.finish_line(&mut on_frame);
            let was_carriage_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if was_carriage_return {
                self.after_carriage_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.extend_line(rest)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let size = self.line.len() + self.event.data.len() + bytes.len();
        if size > self.limits.text {
            self.check_large(size, bytes)?;
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn check_large(&mut self, size: usize, bytes: &[u8]) -> Result<(), TooLarge> {
        const IMAGE: &str = "data:image/";
        self.holds_image = self.holds_image
            || self.event.data.contains(IMAGE)
            || contains(&self.line, IMAGE.as_bytes())
            || contains(bytes, IMAGE.as_bytes());
        let limit = if self.holds_image { self.limits.image } else { self.limits.text };
        if size > limit { Err(TooLarge { limit }) } else { Ok(()) }
    }

    fn finish_line(&mut self, on_frame: &mut impl FnMut(Frame)) {
        let mut bytes = std::mem::take(&mut self.line);
        let mut line = bytes.as_slice();
        if !self.past_first_line {
            self.past_first_line = true;
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(on_frame);
        } else {
            // Line ends are ASCII, so a character is never split between two lines.
            self.read_field(&String::from_utf8_lossy(line), on_frame);
        }
        bytes.clear();
        self.line = bytes;
    }

    fn read_field(&mut self, line: &str, on_frame: &mut impl FnMut(Frame)) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => on_frame(Frame::Comment),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "error" => on_frame(Frame::ErrorField(value.to_owned())),
            _ => {}
        }
    }

    fn dispatch(&mut self, on_frame: &mut impl FnMut(Frame)) {
        let next = Event { id: self.event.id.clone(), ..Event::default() };
        let event = std::mem::replace(&mut self.event, next);
        self.holds_image = false;
        if std::mem::take(&mut self.has_data) {
            on_frame(Frame::Event(event));
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// One event, ready for the wire. Any line end in `data` begins another `data` line.
#[must_use]
pub fn encode(id: u64, data: &str) -> String {
    let mut frame = format!("id: {id}\n");
    for line in data.split(['\n', '\r']) {
        frame.push_str("data: ");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push('\n');
    frame
}

/// A comment: tells readers and proxies that the stream is alive.
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.push(piece, |frame| frames.push(frame)).unwrap();
        }
        frames
    }

    /// The data of the events, whatever the chunking.
    fn check(input: impl AsRef<[u8]>, expected: &[&str]) {
        let input = input.as_ref();
        let whole = decode([input]);
        assert_eq!(whole, decode(input.chunks(1)), "byte by byte");
        for cut in 0..=input.len() {
            assert_eq!(whole, decode([&input[..cut], &input[cut..]]), "cut at {cut}");
        }
        let data: Vec<_> = whole
            .iter()
            .filter_map(|frame| match frame {
                Frame::Event(event) => Some(event.data.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(data, expected);
    }

    #[test]
    fn a_leading_byte_order_mark_is_dropped_once() {
        check("\u{feff}data:1\n\n\u{feff}data:2\n\ndata:3\n\n", &["1", "3"]);
        check("\u{feff}\u{feff}data:1\n\ndata:2\n\ndata:3\n\n", &["2", "3"]);
    }

    #[test]
    fn field_names_are_exact_and_one_space_is_dropped() {
        check(
            "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
            &["\0\n 2\n1\n3\n\n4"],
        );
        check("data:\ttest\rdata: \ndata:test\n\n", &["\ttest\n\ntest"]);
        check(
            "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
            &["test\n\ntest"],
        );
    }

    #[test]
    fn lines_end_in_cr_lf_or_both() {
        check("data:test\r\ndata\ndata:test\r\n\r", &["test\n\ntest"]);
        check("data: a\r\rdata: b\r\n\r\ndata: c\n\n", &["a", "b", "c"]);
    }

    #[test]
    fn a_blank_cr_line_ending_a_piece_dispatches_the_pending_event_exactly_once() {
        let frames =
            decode(["data: A\r\n", "data: B\r", "\n", "data: C\r\n", "\r", "\n", "\n"].map(str::as_bytes));
        assert_eq!(frames, [Frame::Event(Event { data: "A\nB\nC".into(), ..Event::default() })]);
    }

    #[test]
    fn an_event_needs_a_data_line_and_a_blank_line() {
        check("data:\n\ndata\ndata\n\ndata:test\n\n", &["", "\n", "test"]);
        check("event: ping\n\nretry:1000\ndata:test1\n\nid:test\ndata:test2", &["test1"]);
    }

    #[test]
    fn characters_split_between_pieces_survive_and_bad_bytes_are_replaced() {
        check("data: Grüße, 世界 🌍\n\n", &["Grüße, 世界 🌍"]);
        check(b"data: a\xffb\xe4\xb8\n\n", &["a\u{fffd}b\u{fffd}"]);
    }

    #[test]
    fn comments_and_error_lines_are_reported_where_they_stand() {
        let frames =
            decode([b": OPENROUTER PROCESSING\n\n:\nerror: {\"message\":\"no\"}\ndata: x\n\n".as_slice()]);
        assert_eq!(
            frames,
            [
                Frame::Comment,
                Frame::Comment,
                Frame::ErrorField("{\"message\":\"no\"}".into()),
                Frame::Event(Event { data: "x".into(), ..Event::default() }),
            ]
        );
    }

    #[test]
    fn names_belong_to_one_event_and_ids_last() {
        let frames = decode([b"event: error\nid: 7\ndata: a\n\nid: 8\0\ndata: b\n\n".as_slice()]);
        assert_eq!(
            frames,
            [
                Frame::Event(Event { name: "error".into(), data: "a".into(), id: Some("7".into()) }),
                Frame::Event(Event { name: String::new(), data: "b".into(), id: Some("7".into()) }),
            ]
        );
    }

    #[test]
    fn an_endless_line_is_refused_at_the_limit() {
        let mut decoder = Decoder::new(Limits { text: 100, image: 1000 });
        let mut taken = 0;
        let error = loop {
            match decoder.push(b"data: aaaa", |_| panic!("no frame is complete")) {
                Ok(()) => taken += 10,
                Err(error) => break error,
            }
        };
        assert_eq!((taken, error.limit), (100, 100));
    }

    #[test]
    fn endless_data_lines_are_refused_at_the_limit() {
        let mut decoder = Decoder::new(Limits { text: 100, image: 1000 });
        let pushed = (0..100).take_while(|_| decoder.push(b"data: aaaa\n", |_| ()).is_ok()).count();
        assert!((10..=20).contains(&pushed), "{pushed}");
    }

    #[test]
    fn an_image_may_be_larger_than_text_and_is_bounded_too() {
        let limits = Limits { text: 100, image: 1000 };
        let image = format!("data: {{\"url\":\"data:image/png;base64,{}\"}}\n\n", "A".repeat(800));
        let mut decoder = Decoder::new(limits);
        let mut frames = 0;
        for piece in image.as_bytes().chunks(90) {
            decoder.push(piece, |_| frames += 1).unwrap();
        }
        assert_eq!(frames, 1);
        assert!(decoder.push(&[b'x'; 101], |_| ()).is_err(), "the next event is text again");
        let endless = format!("data: data:image/png;base64,{}", "A".repeat(2000));
        assert_eq!(Decoder::new(limits).push(endless.as_bytes(), |_| ()), Err(TooLarge { limit: 1000 }));
    }

    #[test]
    fn the_events_before_one_that_is_too_large_are_given() {
        let mut seen = 0;
        let input = format!("data: a\n\ndata: {}", "b".repeat(200));
        let result = Decoder::new(Limits { text: 100, image: 100 }).push(input.as_bytes(), |_| seen += 1);
        assert!(result.is_err());
        assert_eq!(seen, 1);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            input in "(data|event|id|error|:|x|\u{feff}| |é|🌍|\r|\n|\r\n|\n\n|data: y\n\n){0,60}",
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let input = input.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]);
            prop_assert_eq!(decode([input]), decode(pieces));
        }

        #[test]
        fn what_is_encoded_is_decoded(id: u64, data in "[^\r]*") {
            let frames = decode([encode(id, &data).as_bytes()]);
            let event = Event { name: String::new(), data, id: Some(id.to_string()) };
            prop_assert_eq!(frames, vec![Frame::Event(event)]);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            decode([bytes.as_slice()]);
        }
    }
}
