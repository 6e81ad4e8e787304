//! All that a call allocates, which bounds what it holds at a time. Unlike time, it is the same on each machine.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The most that a target may allocate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// For any input.
    fixed_kib: usize,
    /// For each byte of the input.
    bytes_a_byte: usize,
}

impl Work {
    pub(crate) const fn new(fixed_kib: usize, bytes_a_byte: usize) -> Self {
        Self { fixed_kib, bytes_a_byte }
    }

    /// # Panics
    /// If the call allocates more.
    pub(crate) fn measure(self, name: &str, input_bytes: usize, call: impl FnOnce()) {
        let before = ALLOCATOR.total_allocated();
        call();
        let allocated = ALLOCATOR.total_allocated() - before;
        let most = self.fixed_kib * 1024 + self.bytes_a_byte * input_bytes;
        assert!(allocated <= most, "{name} allocates {allocated} bytes for {input_bytes} of input, above {most}");
    }
}
