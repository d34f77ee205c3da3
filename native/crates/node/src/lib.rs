//! The Node-API addon: the only crate that knows JavaScript. It converts and forwards, nothing else.
//!
//! Every export catches panics and turns them into errors. Expected failures travel as JSON values; exceptions mean
//! misuse. Bytes are copied on the way in, so callers may reuse their buffers at once.

// napi's macros write the C entry points; their unsafe blocks cannot carry comments of ours.
#![allow(clippy::undocumented_unsafe_blocks, missing_docs)]

mod answers;

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Array, Buffer, Float64Array, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Error, JsDeferred, Result, Status};
use napi_derive::napi;
use teleferric_engine::{Done, Engine, Exchange, Ingest, PluginWorker};

use crate::answers::Answers;

/// The version of the native core, equal to the npm package's.
#[napi(catch_unwind)]
pub fn native_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The component types that the native core can build, as JSON: kind → types.
#[napi(catch_unwind)]
pub fn native_components() -> String {
    teleferric_engine::components()
}

/// Looks into a storage on disk, gives up what one of its queues holds, or puts its dead letters back into it. `request`
/// and answer are JSON: `{action: "survey", directory, listed}`, `{action: "purge", directory, queue, dead_letters}` or
/// `{action: "replay", directory, queue, limit}`; `{ok: true, …}` or `{ok: false, error: {code, message}}`. Blocks while
/// it reads the disk.
#[napi(catch_unwind)]
pub fn native_storage(request: String) -> String {
    teleferric_engine::storage(&request)
}

/// One collector. Every method may be called at any time; answers are JSON text.
#[napi]
pub struct NativeCollector {
    engine: Engine,
    answers: Arc<Answers>,
}

#[napi]
impl NativeCollector {
    /// `onEvent` is called, coalesced, when `takeEvents` has something, and `onAnswer` when `takeAnswers` has; neither keeps
    /// the process alive.
    #[napi(constructor, catch_unwind)]
    pub fn new(on_event: Function<'_, (), ()>, on_answer: Function<'_, (), ()>) -> Result<Self> {
        let engine = Engine::new(Arc::new(waker(on_event)?))
            .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        Ok(NativeCollector { engine, answers: Answers::new(waker(on_answer)?) })
    }

    /// Builds and starts the graph of a configuration document. Resolves with
    /// `{ok: true, listeners}` or `{ok: false, error: {code, message}}`.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn start<'env>(&self, env: &'env Env, config: String) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        self.engine.start(config, done);
        Ok(promise)
    }

    /// Puts the graph of another document in the place of the running one; resolves as `start` does. A document that
    /// cannot be started leaves the running graph as it is.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn reload<'env>(&self, env: &'env Env, config: String) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        self.engine.reload(config, done);
        Ok(promise)
    }

    /// Stops taking data in, delivers what is held within `deadlineMs` (null: no limit) and ends all threads.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn drain<'env>(&self, env: &'env Env, deadline_ms: Option<f64>) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        let deadline = deadline_ms.map(|ms| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default());
        self.engine.drain(deadline, done);
        Ok(promise)
    }

    /// Sends batches that are being collected; resolves with `{ok: true, remaining_items}` when everything has left memory
    /// that was held before, delivered, dropped or stored, or after `deadlineMs` (null: no limit).
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn flush<'env>(&self, env: &'env Env, deadline_ms: Option<f64>) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        let limit = deadline_ms.map(|ms| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default());
        self.engine.flush(limit, done);
        Ok(promise)
    }

    /// Ends all threads now; what is held is refused or counted as dropped.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.engine.stop();
    }

    /// Hands over a request body as if it had come over a socket; what becomes of it comes by `takeAnswers`, with `number`.
    /// `head` is JSON: `{receiver, signal, encoding, metadata, compression, context}`, of which the first and the last two
    /// may be left out or null: the id of a receiver that runs a plugin, or else the first `otlp` receiver; what HTTP calls
    /// `Content-Encoding`; what the host has found out about the request. `encoding` is `proto` or `json`, `metadata` a
    /// list of pairs. The body is copied before the call returns.
    #[napi(catch_unwind)]
    pub fn ingest(&self, number: f64, head: String, body: &[u8]) -> Result<()> {
        self.engine.ingest(parse_ingest(&head)?, body, self.answers.outcome(number));
        Ok(())
    }

    /// Begins a request that the host has received, and takes its body; the answer comes by `takeAnswers`, with `number`.
    /// `head` is JSON: `{receiver, protocol, method, target, headers, peer, declared, context}`, of which the last three may
    /// be null, with the headers as a list of names and values by turns.
    #[napi(catch_unwind)]
    pub fn exchange(&self, number: f64, head: String) -> Result<NativeExchange> {
        let answers = self.answers.clone();
        let then = move |answer| answers.add(number, answer);
        let exchange = self.engine.exchange(&head, then).map_err(|text| Error::new(Status::InvalidArg, text))?;
        Ok(NativeExchange { exchange: Some(exchange) })
    }

    /// What has been answered since the last call: number, head and body of each by turns. The head is JSON. To `exchange`
    /// it is `{status, headers, trailers}`, the latter lists of names and values by turns and null if there are no trailers,
    /// or null as a whole if there is no answer; to `ingest` `{outcome: "accepted"}`,
    /// `{outcome: "partial", rejected, message}` or `{outcome: "refused", code, message, retryable, retryAfterMs}`. Each
    /// byte of the body is the character of the same number.
    #[napi(catch_unwind, ts_return_type = "(number | string | null)[]")]
    pub fn take_answers<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        self.answers.take(env)
    }

    /// The metric series and where their numbers stand in a snapshot, as JSON `{version, length, series}`.
    #[napi(catch_unwind)]
    pub fn metrics_catalogue(&self) -> String {
        self.engine.metrics_catalogue()
    }

    /// Writes all numbers into `into` and returns the version of the catalogue that they follow. When the version is
    /// newer than the caller's, the catalogue must be read again and the call repeated with an array of its length.
    #[napi(catch_unwind)]
    pub fn metrics_snapshot(&self, mut into: Float64Array) -> f64 {
        // SAFETY: the array belongs to the calling JavaScript thread, which is inside this call; nothing else reads
        // or writes it until the call returns.
        let numbers = unsafe { into.as_mut() };
        self.engine.metrics_snapshot(numbers) as f64
    }

    /// Log lines and other events since the last call, as JSON `{events, lost}`.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> String {
        self.engine.take_events()
    }

    /// Items that were dropped since the last call, as a JSON list of `{component, signal, reason, items}`.
    #[napi(catch_unwind)]
    pub fn take_drops(&self) -> String {
        self.engine.take_drops()
    }

    /// What a `NativePluginWorker` names this collector by, in any thread.
    #[napi(catch_unwind)]
    pub fn plugin_host(&self) -> f64 {
        self.engine.plugin_host() as f64
    }

    /// Takes its seat from a worker that has ended, or will: batches that it has in hand fail with this message.
    #[napi(catch_unwind)]
    pub fn vacate_plugin(&self, port: String, seat: f64, message: String) {
        self.engine.vacate_plugin(&port, seat as u64, &message);
    }

    /// Forgets a port that no component uses any more.
    #[napi(catch_unwind)]
    pub fn close_plugin(&self, port: String) {
        self.engine.close_plugin(&port);
    }

    /// Counts a worker of a component that was started in the place of another.
    #[napi(catch_unwind)]
    pub fn count_plugin_restart(&self, component: String) {
        self.engine.count_plugin_restart(&component);
    }

    /// The state of the collector and its parts, as JSON.
    #[napi(catch_unwind)]
    pub fn status(&self) -> String {
        self.engine.status()
    }
}

/// A request that the host has received, on its way.
#[napi]
pub struct NativeExchange {
    exchange: Option<Exchange>,
}

#[napi]
impl NativeExchange {
    /// Adds a copy of `bytes` to the body; false asks to wait for `room` before the next.
    #[napi(catch_unwind)]
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.exchange.as_ref().is_none_or(|exchange| exchange.write(bytes))
    }

    /// Resolves, with an empty text, when there is room for more of the body, or nobody reads it.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn room<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        match &self.exchange {
            Some(exchange) => exchange.when_room(|| done(String::new())),
            None => done(String::new()),
        }
        Ok(promise)
    }

    /// Resolves with `true` when the body begins to be read, and with `false` if it never is.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn wanted<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (done, promise) = deferred(env)?;
        let tell = |wanted: bool| done(wanted.to_string());
        match &self.exchange {
            Some(exchange) => exchange.when_wanted(tell),
            None => tell(false),
        }
        Ok(promise)
    }

    /// The body is complete.
    #[napi(catch_unwind)]
    pub fn finish(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.finish();
        }
    }

    /// The sender has gone away; the answer, if it is not there yet, will be null.
    #[napi(catch_unwind)]
    pub fn abort(&mut self) {
        self.exchange = None;
    }
}

/// A batch for a plugin.
#[napi(object)]
pub struct NativePluginBatch {
    /// What it is answered by.
    pub number: f64,
    /// `traces`, `metrics`, `logs` or `profiles`.
    pub signal: String,
    /// Spans, data points, log records or samples.
    pub items: f64,
    /// Who sent it, as JSON `{tenant, peer, metadata}`; empty if nothing is known.
    pub context: String,
    /// The request, in memory of its own.
    pub body: Buffer,
}

/// A thread of the host that works on the batches of a plugin. It belongs to the thread that made it.
#[napi]
pub struct NativePluginWorker {
    worker: Option<PluginWorker>,
    answers: Arc<Answers>,
}

#[napi]
impl NativePluginWorker {
    /// Begins to work at a port of the collector with this number. `onWake` is called, coalesced, when there is something
    /// to fetch after `fetch` found nothing, and when `takeAnswers` has something; it does not keep the thread alive.
    #[napi(constructor, catch_unwind)]
    pub fn new(collector: f64, port: String, on_wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = waker(on_wake)?;
        let worker = PluginWorker::begin(collector as u64, &port, wake.clone())
            .ok_or_else(|| Error::new(Status::InvalidArg, "there is no such collector"))?;
        Ok(NativePluginWorker { worker: Some(worker), answers: Answers::new(wake) })
    }

    /// What the collector knows this worker by.
    #[napi(getter, catch_unwind)]
    pub fn seat(&self) -> f64 {
        self.worker.as_ref().map_or(0.0, |worker| worker.seat() as f64)
    }

    /// The next batch, or null.
    #[napi(catch_unwind)]
    pub fn fetch(&self) -> Option<NativePluginBatch> {
        self.worker.as_ref()?.fetch().map(|work| NativePluginBatch {
            number: work.number as f64,
            signal: work.signal.to_owned(),
            items: work.items as f64,
            context: work.context,
            body: work.body.into(),
        })
    }

    /// Answers that the batch is well as it is.
    #[napi(catch_unwind)]
    pub fn keep(&self, number: f64) {
        if let Some(worker) = &self.worker {
            worker.keep(number as u64);
        }
    }

    /// Answers that nothing of the batch is left.
    #[napi(catch_unwind)]
    pub fn drop_batch(&self, number: f64) {
        if let Some(worker) = &self.worker {
            worker.drop_batch(number as u64);
        }
    }

    /// Answers with another request, which is checked like one from a socket, and copied before this returns.
    #[napi(catch_unwind)]
    pub fn replace(&self, number: f64, request: &[u8]) {
        if let Some(worker) = &self.worker {
            worker.replace(number as u64, request);
        }
    }

    /// Answers that the work failed: JSON `{message, stack, kind, permanent, delayMs}`, with `kind` `thrown`, `malformed`
    /// or `timeout`; `stack` and `delayMs` may be null.
    #[napi(catch_unwind)]
    pub fn fail(&self, number: f64, failure: String) -> Result<()> {
        let Some(worker) = &self.worker else { return Ok(()) };
        worker.fail(number as u64, &failure).map_err(|text| Error::new(Status::InvalidArg, text))
    }

    /// Hands over a request that the plugin has received, as the collector's `ingest` does.
    #[napi(catch_unwind)]
    pub fn emit(&self, number: f64, head: String, body: &[u8]) -> Result<()> {
        let ingest = parse_ingest(&head)?;
        let worker = self.worker.as_ref().ok_or_else(|| Error::new(Status::InvalidArg, "the worker is closed"))?;
        worker.emit(ingest, body, self.answers.outcome(number));
        Ok(())
    }

    /// What has been answered since the last call, as the collector's `takeAnswers` says it.
    #[napi(catch_unwind, ts_return_type = "(number | string | null)[]")]
    pub fn take_answers<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        self.answers.take(env)
    }

    /// Ends the work: batches in hand fail.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.worker = None;
    }
}

fn parse_ingest(head: &str) -> Result<Ingest> {
    Ingest::parse(head).map_err(|text| Error::new(Status::InvalidArg, text))
}

/// Calls a function of JavaScript from any thread, coalesced; it does not keep the process alive.
fn waker(callback: Function<'_, (), ()>) -> Result<impl Fn() + Clone + Send + Sync + 'static> {
    let wake = callback
        .build_threadsafe_function::<()>()
        .weak::<true>()
        .max_queue_size::<1>()
        .callee_handled::<false>()
        .build()
        .map(Arc::new)?;
    Ok(move || {
        // A full queue means that a wake-up is on its way already; any other failure means that nobody listens.
        let _ = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    })
}

/// A promise and the callback that resolves it from any thread.
fn deferred<'env>(env: &'env Env) -> Result<(Done, Object<'env>)> {
    type Resolver = Box<dyn FnOnce(Env) -> Result<String> + Send>;
    let (deferred, promise): (JsDeferred<String, Resolver>, _) = env.create_deferred()?;
    let done: Done = Box::new(move |answer| deferred.resolve(Box::new(move |_| Ok(answer))));
    Ok((done, promise))
}
