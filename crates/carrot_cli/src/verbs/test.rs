//! `carrot test`: do the rewards pay what their scenarios expect?

use std::path::PathBuf;

use carrot_lab::scenario::{
    FileOutcome, MutationScore, ScenarioFile, file_text, find_files, junit, mutate, mutation_text, replay,
    run_file, run_files,
};
use carrot_lab::{LabError, Source};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;

/// Where scenarios lie.
const FOLDER: &str = "scenes/scenarios";

/// Run scenarios: play their rollouts, and check what they expect of signals, rewards, ends and truth.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot test\n  carrot test scenes/scenarios/cart_pole.ron --mutate\n  \
    carrot test scenes/scenarios/cart_pole.ron --replay expert --env 2 --under shaped\n  \
    carrot test --filter potential --junit report.xml\n\n\
    Exit codes: 0 all hold, 1 some do not (with --mutate: a mutant survived), 2 a file cannot be read as a scenario")]
pub(crate) struct Test {
    /// Scenario files, or folders of them
    #[arg(value_name = "PATH", default_value = FOLDER)]
    paths: Vec<PathBuf>,
    /// Only expectations whose file or name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the verdicts as JUnit XML
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutate", "replay"])]
    junit: Option<PathBuf>,
    /// Put small mistakes into the rewards, and report those that no expectation notices
    #[arg(long, conflicts_with = "replay")]
    mutate: bool,
    /// Print one episode of a rollout of one file, step by step
    #[arg(long, value_name = "ROLLOUT")]
    replay: Option<String>,
    /// The episode to print
    #[arg(long, value_name = "N", default_value_t = 0, requires = "replay")]
    env: usize,
    /// The reward to print; the first of the file without it
    #[arg(long, value_name = "REWARD", requires = "replay")]
    under: Option<String>,
}

impl Test {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        if let Some(rollout) = &self.replay {
            return self.print_episode(rollout, output);
        }
        let files = find_files(&self.paths)?;
        let keep = |path: &std::path::Path, name: &str| {
            let is_in =
                |filter: &String| path.display().to_string().contains(filter) || name.contains(filter);
            self.filter.as_ref().is_none_or(is_in)
        };
        if self.mutate {
            return tell_mutants(&run_files(&files, keep, mutate)?, output);
        }
        let outcomes = run_files(&files, keep, run_file)?;
        if let Some(path) = &self.junit {
            std::fs::write(path, junit(&outcomes)).map_err(|error| LabError::File {
                what: "cannot write the JUnit report",
                why: error.to_string(),
                path: path.clone(),
            })?;
        }
        tell(&outcomes, output)
    }

    fn print_episode(&self, rollout: &str, output: &Output) -> Result<(), Failure> {
        let [path] = &self.paths[..] else {
            return Err(LabError::Refused("--replay takes one file".into()).into());
        };
        let file = ScenarioFile::read(&Source::read(path)?)?;
        let names: Vec<&str> = file.rollouts.iter().map(|rollout| rollout.name.as_str()).collect();
        let index = names.iter().position(|name| *name == rollout);
        let index = index.ok_or_else(|| lookup::unknown("rollout", rollout, &names))?;
        let rewards: Vec<&str> = file.rewards.iter().map(|graph| graph.name.as_str()).collect();
        let under = self.under.as_deref().unwrap_or(rewards[0]);
        let reward = rewards.iter().position(|name| *name == under);
        let reward = reward.ok_or_else(|| lookup::unknown("reward", under, &rewards))?;
        let episode = replay(&file, index, self.env, reward)?;
        output.answer(&episode, || episode.text())
    }
}

fn tell(outcomes: &[FileOutcome], output: &Output) -> Result<(), Failure> {
    let all: usize = outcomes.iter().map(|outcome| outcome.verdicts.len()).sum();
    let failed: usize = outcomes.iter().map(FileOutcome::failed).sum();
    output.answer(&json!({"expectations": all, "failed": failed, "files": outcomes}), || {
        let pages: Vec<String> = outcomes.iter().map(file_text).collect();
        format!("{}\n{all} expectations in {} files, {failed} failed", pages.join("\n"), outcomes.len())
    })?;
    match failed {
        0 => Ok(()),
        n => Err(Failure::Wrong(format!("{n} of {all} expectations do not hold"))),
    }
}

fn tell_mutants(scores: &[MutationScore], output: &Output) -> Result<(), Failure> {
    let sum = |count: fn(&MutationScore) -> usize| scores.iter().map(count).sum::<usize>();
    let (killed, survived) = (sum(MutationScore::killed), sum(MutationScore::survived));
    let equivalent = sum(MutationScore::equivalent);
    let share = killed as f64 / (killed + survived).max(1) as f64;
    let document = json!({
        "killed": killed, "survived": survived, "equivalent": equivalent, "share": share, "files": scores,
    });
    output.answer(&document, || {
        let pages: Vec<String> = scores.iter().map(mutation_text).collect();
        let all = killed + survived;
        let percent = 100.0 * share;
        format!(
            "{}\n{killed} of {all} mutants noticed ({percent:.1} %), {equivalent} equivalent",
            pages.join("\n")
        )
    })?;
    match survived {
        0 => Ok(()),
        n => Err(Failure::Wrong(format!("{n} mutants survived"))),
    }
}
