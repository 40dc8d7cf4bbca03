//! The log, on standard error. One event is one line, whatever its fields hold: an upstream's message may contain
//! newlines, which would make a line of its own choosing, and control characters, which a terminal obeys.

use std::fmt;
use std::io;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::terminal;

/// `RUST_LOG` says how much is logged; the default is what an operator should see.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Setting it twice fails, which leaves the first.
    let _ = tracing::subscriber::set_global_default(subscriber(filter, io::stderr));
}

/// Without colours: their escapes could not be told from those of a field.
fn subscriber<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer)
        .event_format(OneLine(format::format()))
        .finish()
}

/// Formats an event as `F` does and marks every control character of the result. It stands behind everything that
/// writes into the line (fields, spans, targets), so that no call has to think of it.
struct OneLine<F>(F);

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", terminal::line(line.strip_suffix('\n').unwrap_or(&line)))
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const HOSTILE: &str =
        "x\n2026-01-01T00:00:00Z ERROR forged\r\n\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{85}\u{202e}\u{2028}\u{7f}";

    /// What `filter` lets into the log while `run` runs.
    pub fn logged(filter: &str, run: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber = subscriber(EnvFilter::new(filter), move || writer.clone());
        tracing::subscriber::with_default(subscriber, run);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_without_control_characters_whatever_its_fields_hold() {
        let log = logged("trace", || {
            let span = tracing::info_span!("request", shown = %HOSTILE, quoted = ?HOSTILE, plain = HOSTILE);
            let _inside = span.enter();
            tracing::info!("{HOSTILE}");
            tracing::info!(shown = %HOSTILE, "shown");
            tracing::info!(quoted = ?HOSTILE, "quoted");
            tracing::info!(plain = HOSTILE, "plain");
            let error = io::Error::other(HOSTILE);
            tracing::info!(error = &error as &(dyn std::error::Error + 'static), "error");
            let later = tracing::info_span!("late", field = tracing::field::Empty);
            later.record("field", HOSTILE);
            later.in_scope(|| tracing::info!("recorded"));
        });
        assert_eq!(log.lines().count(), 6, "{log}");
        for line in log.lines() {
            assert!(
                line.contains("forged") && line.starts_with("20") && !line.starts_with("2026-01-01"),
                "{line}"
            );
            assert!(
                !line.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}')),
                "{line:?}"
            );
        }
    }
}
