//! Draws every task after some random steps into one PNG, and says how many pictures a second that makes.
//!
//! `cargo run --release -p carrot_render --example gallery -- gallery.png [pixels] [steps]`
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use carrot_render::{Pictures, RenderConfig, Renderer, View};
use carrot_sim::{RowKey, VecEnv, VecEnvConfig, random_action};

const COLUMNS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().map_or("gallery.png", String::as_str);
    let number = |at: usize, default: u32| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (size, steps) = (number(1, 160)?, number(2, 12)?);
    let mut renderer = Renderer::new(RenderConfig { size, samples: 4 })?;
    println!("drawn by {}", renderer.adapter());

    let mut shown = Vec::new();
    for name in carrot_tasks::task_names() {
        let task = carrot_tasks::build_task(name).ok_or("a task that is listed cannot be built")?;
        let config = VecEnvConfig {
            num_envs: 1,
            num_steps: steps as usize,
            shards: 1,
            seed: 1,
            keep_signals: false,
            autoreset: true,
        };
        let camera = task.camera();
        let mut env = VecEnv::new(task.clone(), config, &|_| {})?;
        let mut action = vec![0.0; task.spec().action.width()];
        for step in 0..steps {
            random_action(&task.spec().action, RowKey { seed: 1, env: 0, episode: 0 }, step, &mut action);
            env.step(&action)?;
        }
        shown.push((env.frame(0)?, camera));
    }
    let views: Vec<View<'_>> = shown.iter().map(|(frame, camera)| View::of(frame, camera)).collect();
    save(path, &renderer.render(&views)?)?;
    for (frame, camera) in &shown {
        let views = vec![View::of(frame, camera); 1024];
        renderer.render(&views[..64])?;
        let start = Instant::now();
        renderer.render(&views)?;
        let task = carrot_tasks::task_names()[shown.iter().position(|(f, _)| f == frame).unwrap_or(0)];
        println!("{task}: {:.0} pictures/s", 1024.0 / start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// A sheet of all pictures.
fn save(path: &str, pictures: &Pictures) -> Result<(), Box<dyn Error>> {
    let (size, count) = (pictures.size as usize, pictures.stamps.len());
    let (width, height) = (COLUMNS * size, count.div_ceil(COLUMNS) * size);
    let mut sheet = vec![255; width * height * 3];
    for index in 0..count {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        for (y, line) in pictures.picture(index).chunks_exact(3 * size).enumerate() {
            let start = ((row * size + y) * width + column * size) * 3;
            sheet[start..start + 3 * size].copy_from_slice(line);
        }
    }
    let mut encoder = png::Encoder::new(File::create(path)?, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    Ok(encoder.write_header()?.write_image_data(&sheet)?)
}
