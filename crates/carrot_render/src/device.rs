//! The device that draws, and what it complains about.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::RenderError;

/// An open device.
pub(crate) struct Opened {
    /// Its name.
    pub(crate) adapter: String,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    complaint: Arc<Mutex<Option<String>>>,
}

impl Opened {
    /// Opens the fastest Vulkan device, which may be a software renderer.
    pub(crate) async fn new() -> Result<Self, RenderError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::VULKAN,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&options).await;
        let adapter = adapter.map_err(|error| RenderError::NoAdapter(error.to_string()))?;
        let name = adapter.get_info().name;
        let unfit = |why: String| RenderError::Device { adapter: name.clone(), why };
        let needed = wgpu::Features::CLIP_DISTANCES;
        if !adapter.features().contains(needed) {
            return Err(unfit("it has no clip distances".into()));
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pictures"),
            required_features: needed,
            required_limits: wgpu::Limits::downlevel_defaults(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) =
            adapter.request_device(&descriptor).await.map_err(|error| unfit(error.to_string()))?;
        // wgpu's own answer to an error that nobody waits for is a panic.
        let complaint = Arc::new(Mutex::new(None));
        let keep = |complaint: &Mutex<Option<String>>, text: String| {
            complaint.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        };
        let errors = complaint.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| keep(&errors, error.to_string())));
        let losses = complaint.clone();
        device.set_device_lost_callback(move |reason, text| keep(&losses, format!("{reason:?} {text}")));
        Ok(Self { adapter: name, device, queue, complaint })
    }

    /// Whether the device still works.
    pub(crate) fn check(&self) -> Result<(), RenderError> {
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        match complaint.as_ref() {
            None => Ok(()),
            Some(why) => Err(RenderError::Lost { adapter: self.adapter.clone(), why: why.clone() }),
        }
    }
}
