//! What an adversary does again and again while a test looks on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Goes on in a thread until it is dropped.
pub(crate) struct Going {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Going {
    /// `step`: false ends it.
    pub(crate) fn on(mut step: impl FnMut() -> bool + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = Some(thread::spawn(move || while !ended.load(Ordering::Relaxed) && step() {}));
        Self { over, thread }
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it only speaks");
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it does is bounded.
            let _ = thread.join();
        }
    }
}
