//! `carrot bench pictures`: which tasks are drawn, and how large.

use carrot_lab::bench::pictures::{RenderConfig, measure_pictures};
use carrot_lab::bench::table::Table;
use clap::Args;

use super::{Company, Turns};
use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;

/// What is drawn without `--task`.
const TASKS: [&str; 3] = ["CartPole-v1", "DoorKey-8x8", "Reach"];

/// What is measured.
#[derive(Args)]
pub(crate) struct Pictures {
    /// Task; may be given several times; CartPole-v1, DoorKey-8x8 and Reach without it
    #[arg(long)]
    task: Vec<String>,
    /// Side of a picture in pixels; may be given several times; 64 and 224 without it
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=1024))]
    size: Vec<u32>,
    /// Samples per pixel of Carrot's pictures: four have smooth edges
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = samples)]
    samples: u32,
    #[command(flatten)]
    turns: Turns,
    #[command(flatten)]
    company: Company,
}

impl Pictures {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let tasks = if self.task.is_empty() { TASKS.map(String::from).to_vec() } else { self.task.clone() };
        for task in &tasks {
            lookup::task(task)?;
        }
        let sizes = if self.size.is_empty() { vec![64, 224] } else { self.size.clone() };
        let peers = self.company.peers()?;
        let plan = self.turns.plan();
        let mut note = |party: &str| output.note(party);
        let mut found = Vec::new();
        for task in &tasks {
            for &size in &sizes {
                found.push(measure_pictures(
                    task,
                    RenderConfig { size, samples: self.samples },
                    peers.as_ref(),
                    &plan,
                    &mut note,
                )?);
            }
        }
        self.company.answer(output, &found, &Table::of_pictures(&found))
    }
}

fn samples(text: &str) -> Result<u32, String> {
    match text {
        "1" => Ok(1),
        "4" => Ok(4),
        _ => Err("1 or 4 samples can be drawn".into()),
    }
}
