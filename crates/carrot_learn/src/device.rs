//! Where tensors live. One binary serves the CPU and CUDA: the CUDA half of libtorch is opened at run time.

use std::path::PathBuf;
use std::sync::OnceLock;

use libloading::Library;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};

use crate::LearnError;

/// The half of libtorch that a CPU build does not link.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// Where tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor: bit-exact for a fixed number of threads.
    #[default]
    Cpu,
    /// The first CUDA device.
    Cuda,
}

impl Device {
    /// Makes the device ready.
    ///
    /// libtorch looks for CUDA once: ask for [`Device::Cuda`] before the process makes its first tensor.
    ///
    /// # Errors
    /// [`LearnError::NoCuda`] with the reason.
    pub(crate) fn open(self) -> Result<tch::Device, LearnError> {
        match self {
            Self::Cpu => Ok(tch::Device::Cpu),
            Self::Cuda => {
                open_cuda_library()?;
                if tch::Cuda::is_available() {
                    return Ok(tch::Device::Cuda(0));
                }
                let reason =
                    format!("{CUDA_LIBRARY} is loaded, but it finds no device and driver that it can use");
                Err(LearnError::NoCuda(reason))
            }
        }
    }
}

/// Fixes the number of threads of libtorch's operators; sums may depend on it.
pub(crate) fn use_threads(threads: usize) {
    let threads = threads as i32;
    if tch::get_num_threads() != threads {
        tch::set_num_threads(threads);
    }
}

/// Threads for so many pieces of work, as far as there are cores; none where one would do.
pub(crate) fn own_threads(pieces: usize) -> Result<Option<ThreadPool>, LearnError> {
    let threads = pieces.min(std::thread::available_parallelism().map_or(1, usize::from));
    if threads < 2 {
        return Ok(None);
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("learner {i}"));
    builder.build().map(Some).map_err(|error| LearnError::Threads(error.to_string()))
}

/// Opens the CUDA half of libtorch and keeps it open for the life of the process.
fn open_cuda_library() -> Result<(), LearnError> {
    static OPENED: OnceLock<Result<Option<Library>, String>> = OnceLock::new();
    let opened = OPENED.get_or_init(|| {
        let loaded = loaded_libraries();
        if loaded.iter().any(|path| path.ends_with(CUDA_LIBRARY)) {
            return Ok(None);
        }
        // Next to the libtorch in use first; a bare name asks the loader's own search path.
        let folder =
            loaded.iter().find(|path| path.ends_with("libtorch_cpu.so")).and_then(|path| path.parent());
        let places = folder.map(|folder| folder.join(CUDA_LIBRARY)).into_iter().chain([CUDA_LIBRARY.into()]);
        let mut reasons = Vec::new();
        for place in places {
            #[allow(unsafe_code, reason = "a shared library can only be opened through the unsafe loader")]
            // SAFETY: the library belongs to the libtorch in use and its initialisers only register CUDA
            // kernels with it. It is never closed, so what they register stays valid.
            match unsafe { Library::new(&place) } {
                Ok(library) => return Ok(Some(library)),
                Err(error) => {
                    let cause =
                        std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
                    reasons.push(format!("{}: {cause}", place.display()));
                }
            }
        }
        Err(reasons.join("; "))
    });
    opened.as_ref().map(|_| ()).map_err(|reason| LearnError::NoCuda(reason.clone()))
}

/// Files that the process has mapped, where the system tells.
fn loaded_libraries() -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libtorch_in_use_is_found() {
        let _ = tch::Tensor::from(1.0_f32);
        assert!(loaded_libraries().iter().any(|path| path.ends_with("libtorch_cpu.so")));
    }

    #[test]
    fn cuda_is_there_or_the_reason_is_told() {
        match Device::Cuda.open() {
            Ok(device) => assert!(device.is_cuda()),
            Err(LearnError::NoCuda(reason)) => assert!(reason.contains(CUDA_LIBRARY), "{reason}"),
            Err(other) => panic!("{other}"),
        }
    }
}
