//! Wall clock and CPU time together, and keeping to one core.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// A stopwatch for wall time and for the CPU time of the whole process.
pub(super) struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), cpu: process_secs() }
    }

    pub(super) fn wall_secs(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    pub(super) fn cpu_secs(&self) -> f64 {
        process_secs() - self.cpu
    }
}

fn process_secs() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Keeps this thread, and the threads and processes that it starts meanwhile, to one core.
#[cfg(target_os = "linux")]
pub(super) struct OneCore(Option<rustix::thread::CpuSet>);

#[cfg(target_os = "linux")]
impl OneCore {
    /// Chooses the last core that is allowed: the first one often serves the machine's interrupts.
    /// Where the system refuses, nothing changes.
    pub(super) fn enter() -> Self {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else { return Self(None) };
        let mut one = CpuSet::new();
        if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core)) {
            one.set(last);
        }
        Self(sched_setaffinity(None, &one).is_ok().then_some(allowed))
    }
}

#[cfg(target_os = "linux")]
impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(allowed) = &self.0 {
            // What was allowed before cannot be refused now; if it were, one core is still a place to run.
            let _ = rustix::thread::sched_setaffinity(None, allowed);
        }
    }
}

/// Keeping to one core is not possible here.
#[cfg(not(target_os = "linux"))]
pub(super) struct OneCore;

#[cfg(not(target_os = "linux"))]
impl OneCore {
    pub(super) fn enter() -> Self {
        Self
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::thread::sched_getaffinity;

    #[test]
    fn one_core_is_kept_and_given_back() {
        let before = sched_getaffinity(None).unwrap();
        let pinned = OneCore::enter();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        let inherited = std::thread::spawn(|| sched_getaffinity(None).unwrap().count());
        assert_eq!(inherited.join().unwrap(), 1);
        drop(pinned);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
