//! The thread that starts, reloads and ends the graph. Commands come from any thread and are carried out one after
//! another; the answers are JSON for the host.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use teleferric_buf::metrics::Metrics;
use teleferric_flow::plugin::PluginPorts;
use teleferric_parts::component::Listening;
use teleferric_tasks::{catch, report_panic, supervise};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Done;
use crate::document::Document;
use crate::events::Events;
use crate::running::Running;
use crate::telemetry::Totals;

/// What the control thread is asked to do.
pub enum Command {
    /// Start the graph of this document.
    Start(String, Reply),
    /// Put the graph of this document in the place of the running one.
    Reload(String, Reply),
    /// Deliver what is held by then, and end.
    Drain(Option<Instant>, Reply),
    /// End now.
    Stop,
}

/// The duty to reply to a command. One that is lost to a panic is answered all the same.
pub struct Reply(Option<Done>);

impl Reply {
    /// Answers by `done`.
    pub fn by(done: Done) -> Self {
        Reply(Some(done))
    }

    fn give(mut self, result: Result<Vec<Listening>, Failure>) {
        self.say(&match result {
            Ok(listening) => json!({ "ok": true, "listeners": listeners(&listening) }),
            Err(failure) => failure.describe(),
        });
    }

    /// As far as anybody can tell, it is done.
    fn ended(mut self) {
        self.say(&json!({ "ok": true }));
    }

    fn say(&mut self, answer: &Value) {
        if let Some(done) = self.0.take() {
            done(answer.to_string());
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.say(&Failure::panicked().describe());
        }
    }
}

/// Why a command failed, with a stable code for programs.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// `INVALID_CONFIG`, `START_FAILED`, `ALREADY_STARTED`, `NOT_RUNNING`, `CLOSED` or `INTERNAL`.
    pub code: &'static str,
    /// What went wrong, for people.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Failure { code, message: message.into() }
    }

    pub(crate) fn panicked() -> Self {
        Failure::new("INTERNAL", "internal error")
    }

    pub(crate) fn describe(&self) -> Value {
        json!({ "ok": false, "error": { "code": self.code, "message": self.message } })
    }
}

/// What other threads may look at while the graph runs.
#[derive(Default)]
pub struct Shown(Mutex<Option<Arc<Running>>>);

impl Shown {
    /// The running collector, if there is one.
    pub fn running(&self) -> Option<Arc<Running>> {
        self.0.lock().clone()
    }

    fn take(&self) -> Option<Arc<Running>> {
        self.0.lock().take()
    }

    fn set(&self, running: Option<Arc<Running>>) {
        let before = std::mem::replace(&mut *self.0.lock(), running);
        drop(before);
    }
}

/// Carries out commands until the collector is closed, or until nobody can send any more. Then the thread ends and the
/// host's callback is let go of: whoever closes the collector takes its last events unasked.
pub async fn obey(
    commands: mpsc::UnboundedReceiver<Command>,
    events: Arc<Events>,
    metrics: Metrics,
    totals: Arc<Totals>,
    plugins: Arc<PluginPorts>,
    shown: Arc<Shown>,
) {
    let mut queue = Queue { commands, waiting: VecDeque::new() };
    supervise("control", async || {
        while let Some(command) = queue.next().await {
            match command {
                Command::Start(text, answer) => {
                    answer.give(
                        fenced("control.start", start(&text, &events, &metrics, &totals, &plugins, &shown)).await,
                    );
                }
                Command::Reload(text, answer) => {
                    let reloaded = tokio::select! {
                        biased;
                        reloaded = fenced("control.reload", reload(&text, &shown)) => Some(reloaded),
                        () = queue.cut() => None,
                    };
                    let Some(reloaded) = reloaded else {
                        end(&shown);
                        return answer.give(Err(is_closed()));
                    };
                    answer.give(reloaded);
                }
                Command::Drain(deadline, answer) => {
                    if let Some(running) = shown.running() {
                        let drained = async {
                            running.drain(deadline).await;
                            Ok(())
                        };
                        tokio::select! {
                            biased;
                            // A panic ends it, as the cut does.
                            _ = fenced("control.drain", drained) => {}
                            () = queue.cut() => {}
                        }
                    }
                    end(&shown);
                    return answer.ended();
                }
                Command::Stop => return,
            }
        }
    })
    .await;
    end(&shown);
    queue.commands.close();
    while let Some(command) = queue.next().await {
        refuse(command);
    }
    events.hush();
}

/// Commands on their way, and those that wait until the one under way is done.
struct Queue {
    commands: mpsc::UnboundedReceiver<Command>,
    waiting: VecDeque<Command>,
}

impl Queue {
    /// The next command; none when nobody can send any more.
    async fn next(&mut self) -> Option<Command> {
        match self.waiting.pop_front() {
            Some(command) => Some(command),
            None => self.commands.recv().await,
        }
    }

    /// Resolves when what is under way must be broken off: a stop is asked for, nobody is left to ask, or the deadline
    /// of a drain that waits has come. Cancel safe.
    async fn cut(&mut self) {
        let mut deadline: Option<Instant> = None;
        loop {
            let passed = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            // Either way it ends here; a command that waits comes next.
            let command = tokio::select! {
                biased;
                command = self.commands.recv() => command,
                () = passed => return,
            };
            match command {
                None | Some(Command::Stop) => return,
                Some(command) => {
                    if let Command::Drain(Some(by), _) = command {
                        deadline = Some(deadline.map_or(by, |earlier| earlier.min(by)));
                    }
                    self.waiting.push_back(command);
                }
            }
        }
    }
}

/// What becomes of a part of a command; a panic in it is told, and is its failure.
async fn fenced<T>(name: &'static str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    catch(name, work).await.unwrap_or_else(|payload| {
        report_panic(name, &payload);
        Err(Failure::panicked())
    })
}

/// Ends what runs, at once.
fn end(shown: &Shown) {
    // In this order, so that whatever is lost with it finds that it has ended.
    let running = shown.take();
    if let Some(running) = running {
        running.end(Duration::ZERO);
    }
}

fn is_closed() -> Failure {
    Failure::new("CLOSED", "the collector is closed")
}

async fn start(
    text: &str,
    events: &Arc<Events>,
    metrics: &Metrics,
    totals: &Totals,
    plugins: &Arc<PluginPorts>,
    shown: &Shown,
) -> Result<Vec<Listening>, Failure> {
    if shown.running().is_some() {
        return Err(Failure::new("ALREADY_STARTED", "the collector is running already"));
    }
    let document = parse(text)?;
    let (running, listening) = Running::start(&document, events, metrics, totals, plugins)
        .await
        .map_err(|error| Failure::new("START_FAILED", error.to_string()))?;
    shown.set(Some(Arc::new(running)));
    Ok(listening)
}

async fn reload(text: &str, shown: &Shown) -> Result<Vec<Listening>, Failure> {
    let Some(running) = shown.running() else {
        return Err(Failure::new("NOT_RUNNING", "the collector is not running"));
    };
    let document = parse(text)?;
    running.reload(&document).await.map_err(|error| Failure::new("START_FAILED", error.to_string()))
}

fn parse(text: &str) -> Result<Document, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::new("INVALID_CONFIG", error.to_string()))
}

/// Listeners as the host sees them.
pub fn listeners(listening: &[Listening]) -> Vec<Value> {
    listening
        .iter()
        .filter_map(|at| {
            let address = at.address.as_ref()?.to_string();
            Some(json!({ "component": at.component, "protocol": at.protocol, "address": address }))
        })
        .collect()
}

/// Answers a command that came after the control thread ended.
pub fn refuse(command: Command) {
    match command {
        Command::Start(_, answer) | Command::Reload(_, answer) => answer.give(Err(is_closed())),
        Command::Drain(_, answer) => answer.ended(),
        Command::Stop => {}
    }
}
