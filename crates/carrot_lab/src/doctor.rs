//! What this machine offers, and whether it is enough.

use carrot_learn::{Device, LearnError, Ppo, PpoConfig};
use carrot_sim::{ActionSpace, ObsPart, PartSlice};
use serde::Serialize;

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// False when something that is needed does not work.
    pub ok: bool,
}

/// Looks at processor, libtorch, CUDA and a first training step.
pub fn examine() -> Vec<Finding> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = try_device(Device::Cpu);
    let cuda = try_device(Device::Cuda);
    let avx2 = if cfg!(target_arch = "x86_64") && avx2() { "AVX2" } else { "baseline only" };
    vec![
        Finding { what: "carrot", found: env!("CARGO_PKG_VERSION").into(), ok: true },
        Finding { what: "processor", found: format!("{cores} cores, {avx2}"), ok: true },
        Finding { what: "libtorch on the CPU", ok: cpu.is_ok(), found: text(cpu) },
        // Not having a GPU is no fault: everything runs on the CPU.
        Finding { what: "libtorch on CUDA", found: text(cuda), ok: true },
        Finding { what: "tasks", found: carrot_tasks::task_names().join(", "), ok: true },
    ]
}

/// Builds a small policy on a device and lets it act once.
fn try_device(device: Device) -> Result<String, LearnError> {
    let parts = [ObsPart::vector("state", &[-1.0; 4], &[1.0; 4])];
    let config = PpoConfig { hidden: vec![8], ..PpoConfig::default() };
    let mut ppo = Ppo::new(config, &parts, &ActionSpace::discrete(&["left", "right"]), &[0.99], 1, device)?;
    let mut actions = [f32::NAN; 2];
    ppo.act(&[PartSlice::F32(&[0.1; 8])], 0, false, &mut actions)?;
    Ok(format!("a policy acts: {actions:?}"))
}

fn text<E: std::fmt::Display>(result: Result<String, E>) -> String {
    result.unwrap_or_else(|error| format!("not available: {error}"))
}

#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn avx2() -> bool {
    false
}
