//! Answers to requests of the host, on their way to JavaScript. One call takes all that there are: a promise of Node-API for
//! each would cost a thread-safe function, which is more than the rest of a small request does.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Array, Either, Null};
use napi::{Env, Result};
use teleferric_engine::{Answer, Done};

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

    /// Number, head and body of each by turns.
    pub fn take<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut list = env.create_array(u32::try_from(3 * taken.len()).unwrap_or(0))?;
        for (at, (number, answer)) in (0..).step_by(3).zip(taken) {
            let (head, body) = answer.map_or((None, Default::default()), |Answer { head, body }| (Some(head), body));
            list.set(at, number)?;
            list.set(at + 1, head.map_or(Either::B(Null), Either::A))?;
            list.set(at + 2, env.create_string_latin1(&body)?)?;
        }
        Ok(list)
    }
}
