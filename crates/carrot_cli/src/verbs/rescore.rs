//! `carrot rescore`: what recorded episodes would have earned.

use std::path::PathBuf;

use carrot_lab::Source;
use carrot_lab::rescore::{RescoredEpisode, rescore_run};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, table};

/// Rows of the table; all episodes are in the JSON document.
const ROWS: usize = 20;

/// Score the recorded episodes of a run again; under its own reward all bits must be equal.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot rescore runs/MountainCar-v0/ppo/20260214_093000_s1\n  \
    carrot rescore runs/MountainCar-v0/ppo/20260214_093000_s1 --reward my_reward.ron")]
pub(crate) struct Rescore {
    /// Run folder
    run: PathBuf,
    /// A file with a list of terms, as in a scene's `reward`
    #[arg(long, value_name = "FILE")]
    reward: Option<PathBuf>,
}

impl Rescore {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let file = self.reward.as_ref().map(Source::read).transpose()?;
        let episodes = rescore_run(&self.run, file.as_ref())?;
        let steps: usize = episodes.iter().map(|episode| episode.steps).sum();
        let differing: usize = episodes.iter().map(|episode| episode.differing_steps).sum();
        let document = json!({
            "run": self.run,
            "reward": self.reward,
            "steps": steps,
            "differing_steps": differing,
            "episodes": episodes,
        });
        output.answer(&document, || self.text(&episodes, steps, differing))?;
        match (&self.reward, differing) {
            (None, 1..) => {
                Err(Failure::Wrong(format!("{differing} of {steps} steps differ from what was paid")))
            }
            _ => Ok(()),
        }
    }

    fn text(&self, episodes: &[RescoredEpisode], steps: usize, differing: usize) -> String {
        if episodes.is_empty() {
            return "no episode is recorded; a scene records with `recording: (envs: 1)`".into();
        }
        let row = |e: &RescoredEpisode| {
            vec![
                format!("{}/{}", e.env, e.episode),
                e.steps.to_string(),
                format!("{:.4}", e.online_return),
                format!("{:.4}", e.rescored_return),
                format!("{:.3}", e.score),
                if e.success { "yes".into() } else { "no".into() },
            ]
        };
        // The last episodes are those of the most trained policy.
        let first = episodes.len().saturating_sub(ROWS);
        let rows: Vec<_> = episodes[first..].iter().map(row).collect();
        let shown = match first {
            0 => String::new(),
            _ => format!("the last {ROWS} of {} episodes; all are in --json\n", episodes.len()),
        };
        let verdict = match (&self.reward, differing) {
            (None, 0) => {
                format!("{} episodes, {steps} steps: all bits equal to what was paid", episodes.len())
            }
            (None, _) => format!("{differing} of {steps} steps differ from what was paid"),
            (Some(file), _) => format!("{} episodes, {steps} steps under {}", episodes.len(), file.display()),
        };
        let headings = ["episode", "steps", "return paid", "return rescored", "score", "success"];
        format!("{shown}{}\n{verdict}", table(&headings, &rows))
    }
}
