//! `carrot map`: where and when terms paid.

use std::path::PathBuf;

use carrot_lab::LabError;
use carrot_lab::report::map::{MapSpec, RewardMap};
use clap::Args;

use crate::failure::Failure;
use crate::output::Output;

/// Show where and when terms paid: their share in the reward over two signals, early to late in a run
#[derive(Args)]
#[command(after_help = "Example:\n  carrot map RUN --x agent_x --y agent_y --term new --out new.html")]
pub(crate) struct Map {
    /// The run's folder; it needs recorded episodes
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Signal to the right
    #[arg(long, value_name = "SIGNAL")]
    x: String,
    /// Signal upwards
    #[arg(long, value_name = "SIGNAL")]
    y: String,
    /// A term; several are taken together
    #[arg(long = "term", value_name = "TERM", required = true)]
    terms: Vec<String>,
    /// Parts of the run, of as many steps each
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=12))]
    slices: u8,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "map.html")]
    out: PathBuf,
}

impl Map {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let axes = [self.x.clone(), self.y.clone()];
        let spec = MapSpec { axes, terms: self.terms.clone(), slices: self.slices.into() };
        let map = RewardMap::of_run(&self.run, &spec)?;
        std::fs::write(&self.out, map.page()?).map_err(LabError::file("cannot write the map", &self.out))?;
        output.answer(&map, || {
            let line = |(index, slice): (usize, &carrot_lab::report::map::Slice)| {
                let (part, total) = (index + 1, slice.total);
                format!(
                    "part {part}: {} episodes, {} steps; {} paid {:.3}, all else {:.3}, a share of {}\n",
                    slice.episodes,
                    total.steps,
                    map.terms.join(" + "),
                    total.terms,
                    total.rest,
                    total.percent()
                )
            };
            let lines: String = map.slices.iter().enumerate().map(line).collect();
            format!("{lines}map {}", self.out.display())
        })
    }
}
