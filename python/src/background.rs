//! Long work on a thread of its own, while the thread that called stays with Python: callbacks, signals, exceptions.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::Builder,
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

/// How long Ctrl-C waits to be noticed while no message comes.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// What a main thread has on Linux, where the commands do the same work.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` on another thread without the interpreter's lock, and meanwhile hands every message that it sends to `answer` on
/// this one, so that all Python code runs on the thread that called. The work must hold every sender of `messages`.
///
/// The first exception, from `answer` or a signal, sets `stop`, which the work looks at; messages are dropped from then on.
/// Gives what the work came to, and that exception.
///
/// # Errors
/// A thread that the system does not give.
pub fn in_background<M: Send, T: Send>(
    py: Python<'_>,
    mut messages: Receiver<M>,
    stop: &AtomicBool,
    work: impl FnOnce() -> T + Send,
    mut answer: impl FnMut(M) -> PyResult<()>,
) -> PyResult<(T, Option<PyErr>)> {
    std::thread::scope(|scope| {
        let worker = Builder::new().name("microcloud".into()).stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        let mut raised = None;
        loop {
            let waiting = &mut messages;
            let message = py.detach(move || waiting.recv_timeout(SIGNAL_INTERVAL));
            let outcome = match message {
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Ok(_) if raised.is_some() => Ok(()),
                Ok(message) => answer(message),
            };
            if let Err(error) = outcome.and_then(|()| py.check_signals()) {
                stop.store(true, Ordering::Relaxed);
                // A second interrupt says nothing new.
                raised.get_or_insert(error);
            }
        }
        let done = py.detach(|| worker.join());
        done.map(|done| (done, raised))
            .map_err(|_| PyRuntimeError::new_err("the work ended by a defect of this package"))
    })
}
