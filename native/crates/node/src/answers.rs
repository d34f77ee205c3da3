//! Answers to requests of the host, on their way to JavaScript. One call takes all that there are: a promise of Node-API for
//! each would cost a thread-safe function, which is more than the rest of a small request does.

use std::sync::{Arc, Mutex, PoisonError};

use napi::{Env, JsString, Result};
use napi_derive::napi;
use teleferric_engine::{Answer, Done};

/// The answer to a request of the host.
#[napi(object, use_nullable = true)]
pub struct NativeAnswer<'env> {
    /// Of the request.
    pub number: f64,
    /// JSON. To `exchange`, `{status, headers, trailers}`, the latter lists of names and values by turns, and null if there
    /// are no trailers; null as a whole if there is no answer. To `ingest` and `emit`, `{outcome: "accepted"}`,
    /// `{outcome: "partial", rejected, message}` or `{outcome: "refused", code, message, retryable, retryAfterMs}`.
    pub head: Option<String>,
    /// The body, each byte as the character of the same number.
    pub body: JsString<'env>,
}

/// What JavaScript has not taken yet.
pub struct Answers {
    waiting: Mutex<Vec<(f64, Option<Answer>)>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Answers {
    /// `wake` is called when there is something to take.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Arc<Answers> {
        Arc::new(Answers { waiting: Mutex::default(), wake: Box::new(wake) })
    }

    /// What tells the outcome of a request without a socket, on any thread.
    pub fn outcome(self: &Arc<Self>, number: f64) -> Done {
        let answers = Arc::clone(self);
        Box::new(move |head| answers.add(number, Some(Answer { head, body: Default::default() })))
    }

    /// From any thread.
    pub fn add(&self, number: f64, answer: Option<Answer>) {
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((number, answer));
            waiting.len() == 1
        };
        // Later ones are taken together with the first.
        if is_first {
            (self.wake)();
        }
    }

    pub fn take<'env>(&self, env: &'env Env) -> Result<Vec<NativeAnswer<'env>>> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let told = |(number, answer): (f64, Option<Answer>)| {
            let (head, body) = answer.map_or((None, Default::default()), |Answer { head, body }| (Some(head), body));
            Ok(NativeAnswer { number, head, body: env.create_string_latin1(&body)? })
        };
        taken.into_iter().map(told).collect()
    }
}
