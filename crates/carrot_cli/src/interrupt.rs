//! Ctrl-C and its kin: the first signal asks for a checkpoint, the second exits at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Failure;

/// Whether and by which signal this process was asked to stop.
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
    armed: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listening = Self { stop: Arc::default(), armed: Arc::default(), signal: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds nothing armed and arms the second.
            flag::register_conditional_shutdown(signal, 128 + signal, listening.armed.clone())
                .and_then(|_| flag::register(signal, listening.armed.clone()))
                .and_then(|_| flag::register_usize(signal, listening.signal.clone(), signal as usize))
                .and_then(|_| flag::register(signal, listening.stop.clone()))
                .map_err(Failure::Output)?;
        }
        Ok(listening)
    }

    /// Set once a signal has come.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// The failure to end with if a signal has come.
    pub(crate) fn check(&self, message: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Failure::Stopped { signal: signal as u8, message: message() }),
        }
    }

    /// Everything is saved: from now on the first signal exits at once.
    pub(crate) fn exit_at_once(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }
}
