//! The handle components log through. It knows neither format nor destination: the engine puts a [`Sink`] behind it.
//!
//! Messages are the Collector's, word for word, so that people's searches and alerts go on working. A message that
//! comes too often is cut here, before it costs anything, and the number cut rides on the next one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// The word in configuration and output.
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// The value of one field. Durations are texts such as `4.5s`: what [`seconds`] makes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    Text(&'a str),
    Count(u64),
    Number(f64),
    Flag(bool),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl From<u64> for Value<'_> {
    fn from(count: u64) -> Self {
        Value::Count(count)
    }
}

/// A field of a line.
pub type Field<'a> = (&'static str, Value<'a>);

/// One line. `component` are the fields bound to the handle, `fields` those of this line.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// How much it matters.
    pub level: Level,
    /// The fixed text, without facts in it.
    pub message: &'static str,
    /// Who says it, such as `otelcol.component.id`.
    pub component: &'a [(&'static str, Box<str>)],
    /// The facts.
    pub fields: &'a [Field<'a>],
}

/// Where lines go. Called from any data-plane thread; must not block.
pub trait Sink: Send + Sync {
    /// Whether lines of this level are wanted at all.
    fn wants(&self, level: Level) -> bool;

    /// Takes one line.
    fn take(&self, record: &Record<'_>);
}

/// A handle to log through; cheap to clone.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Inner>>);

struct Inner {
    sink: Arc<dyn Sink>,
    component: Vec<(&'static str, Box<str>)>,
    windows: Mutex<Vec<Window>>,
}

/// How often one message came in the current second.
struct Window {
    message: &'static str,
    level: Level,
    since: Instant,
    count: u64,
}

/// Lines of one message and level that pass per [`WINDOW`]; more are counted in the field `suppressed`.
const LINES_PER_WINDOW_MAX: u64 = 20;
const WINDOW: Duration = Duration::from_secs(1);

impl Log {
    /// A handle that drops every line.
    pub fn none() -> Self {
        Log(None)
    }

    /// A handle to `sink`, whose lines carry `component`.
    pub fn new(sink: Arc<dyn Sink>, component: &[(&'static str, &str)]) -> Self {
        let component = component.iter().map(|(key, value)| (*key, Box::from(*value))).collect();
        Log(Some(Arc::new(Inner { sink, component, windows: Mutex::default() })))
    }

    /// A handle to the same sink with more fields bound to it.
    #[must_use]
    pub fn with(&self, component: &[(&'static str, &str)]) -> Self {
        let Some(inner) = &self.0 else { return Log(None) };
        let mut bound = inner.component.clone();
        bound.extend(component.iter().map(|(key, value)| (*key, Box::from(*value))));
        Log(Some(Arc::new(Inner { sink: Arc::clone(&inner.sink), component: bound, windows: Mutex::default() })))
    }

    /// Logs one line, unless this message already came 20 times in this second.
    pub fn emit(&self, level: Level, message: &'static str, fields: &[Field<'_>]) {
        let Some(inner) = &self.0 else { return };
        if !inner.sink.wants(level) {
            return;
        }
        let Some(suppressed) = inner.admit(level, message) else { return };
        let component = &inner.component;
        if suppressed == 0 {
            inner.sink.take(&Record { level, message, component, fields });
        } else {
            let mut fields = fields.to_vec();
            fields.push(("suppressed", Value::Count(suppressed)));
            inner.sink.take(&Record { level, message, component, fields: &fields });
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("component", &self.0.as_ref().map(|inner| &inner.component)).finish()
    }
}

impl Inner {
    /// Lines of this message cut in the window before, or none if this one is cut.
    fn admit(&self, level: Level, message: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut windows = self.windows.lock();
        let known = windows.iter_mut().find(|window| window.level == level && window.message == message);
        let Some(window) = known else {
            windows.push(Window { message, level, since: now, count: 1 });
            return Some(0);
        };
        if now.duration_since(window.since) < WINDOW {
            window.count += 1;
            return (window.count <= LINES_PER_WINDOW_MAX).then_some(0);
        }
        let suppressed = window.count.saturating_sub(LINES_PER_WINDOW_MAX);
        (window.since, window.count) = (now, 1);
        Some(suppressed)
    }
}

/// A duration as the Collector writes it in a field: `4.5s`, `250ms`.
pub fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{}s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Sink for Lines {
        fn wants(&self, level: Level) -> bool {
            level > Level::Debug
        }

        fn take(&self, record: &Record<'_>) {
            self.0.lock().push(format!("{} {:?} {:?}", record.message, record.component, record.fields));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_floods_is_cut_and_counted() {
        let lines = Arc::new(Lines::default());
        let log = Log::new(lines.clone(), &[]).with(&[("otelcol.component.id", "otlp/x")]);
        (0..50).for_each(|_| log.emit(Level::Error, "no", &[]));
        log.emit(Level::Info, "other", &[("items", 3.into())]);
        log.emit(Level::Debug, "quiet", &[]);
        assert_eq!(lines.0.lock().len(), 21);
        tokio::time::advance(WINDOW).await;
        log.emit(Level::Error, "no", &[]);
        assert!(lines.0.lock()[21].contains("suppressed\", Count(30)"));
        assert!(lines.0.lock()[20].contains("otlp/x"));
    }

    #[test]
    fn durations_read_as_in_the_collector() {
        assert_eq!(seconds(Duration::from_millis(4500)), "4.5s");
        assert_eq!(seconds(Duration::from_millis(250)), "250ms");
    }
}
