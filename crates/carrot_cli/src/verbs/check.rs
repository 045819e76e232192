//! `carrot check`: is this scene, run or task what it should be?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrot_lab::saved::{RunCheck, SavedRun, check_rewards, check_setup};
use carrot_lab::{Setup, Source};
use carrot_reward::Body;
use carrot_sim::{CheckConfig, CheckReport};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::lookup::{is_run, models, parse_model, refused, task};
use crate::output::{Output, table};

/// How long a task is played at random.
const PLAY: CheckConfig = CheckConfig { rows: 65, steps: 256, seed: 1 };

/// Check a scene (all names resolve, it steps), a run folder (checkpoints verify, rewards re-score) or a task.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot check scenes/reach.ron reward=naive\n  \
    carrot check runs/CartPole-v1/ppo/20260214_093000_s1\n  carrot check CartPole-v1")]
pub(crate) struct Check {
    /// A scene file, a run folder or the name of a task
    #[arg(value_name = "SCENE|RUN|TASK")]
    what: String,
    /// Changes to a scene by path
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// A fitted reward model that a scene's terms may name; repeatable
    #[arg(long = "model", value_name = "NAME=FILE", value_parser = parse_model)]
    models: Vec<(String, PathBuf)>,
}

impl Check {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let path = Path::new(&self.what);
        if path.is_file() || path.extension().is_some_and(|extension| extension == "ron") {
            return self.check_scene(path, output);
        }
        if let Some(first) = self.overrides.first() {
            return Err(refused(first, "only a scene can be changed by KEY=VALUE", "leave it out").into());
        }
        if is_run(path) || path.is_dir() { check_run(path, output) } else { check_task(&self.what, output) }
    }

    fn check_scene(&self, path: &Path, output: &Output) -> Result<(), Failure> {
        let setup = Setup::read(&Source::read(path)?, &self.overrides, models(&self.models)?)?;
        check_setup(&setup)?;
        let (task, terms) = (setup.task.spec().name, setup.graphs[0].term_names());
        let reach = reach(&setup);
        let document = json!({
            "scene": path, "ok": true, "task": task, "reward": setup.reward, "terms": terms, "reach": reach,
        });
        output.answer(&document, || {
            let line = |(term, reach): &(String, String)| format!("\n  {term} can be {reach}");
            let reach: String = reach.iter().map(line).collect();
            let terms = terms.join(", ");
            format!("{}: ok\n  task {task}, reward {}: {terms}{reach}", path.display(), setup.reward)
        })
    }
}

/// The values that terms can have before stages and weights, where the reward says so: expressions do.
fn reach(setup: &Setup) -> Vec<(String, String)> {
    let nodes = setup.graphs[0].nodes.iter();
    let known = nodes.filter_map(|node| match &node.body {
        Body::Term(kind, _) => kind.reach().map(|(bounds, unit)| {
            let unit = unit.to_string();
            let unit = if unit.is_empty() { unit } else { format!(" [{unit}]") };
            (node.name.clone(), format!("{bounds}{unit}"))
        }),
        Body::Combine(..) => None,
    });
    known.collect()
}

fn check_run(path: &Path, output: &Output) -> Result<(), Failure> {
    let found = SavedRun::open(path)?.check()?;
    let document = json!({"run": path, "ok": found.is_ok(), "found": found});
    output.answer(&document, || format!("{}\n{}", path.display(), run_text(&found)))?;
    if found.is_ok() { Ok(()) } else { Err(Failure::Wrong(format!("{} is not whole", path.display()))) }
}

fn run_text(found: &RunCheck) -> String {
    let mark =
        |fault: Option<&String>| fault.map_or_else(|| "ok".to_string(), |why| format!("DAMAGED: {why}"));
    let mut lines = Vec::new();
    for checkpoint in &found.checkpoints {
        lines.push(format!("  checkpoint {}  {}", checkpoint.name, mark(checkpoint.fault.as_ref())));
    }
    if found.checkpoints.is_empty() {
        lines.push("  no checkpoint".into());
    }
    let (episodes, steps) = (found.episodes, found.steps);
    lines.push(match found.differing_steps {
        0 => format!(
            "  {episodes} recorded episodes, {steps} steps: re-scored, all bits equal to what was paid"
        ),
        n => format!("  {episodes} recorded episodes: {n} of {steps} steps DIFFER from what was paid"),
    });
    lines.join("\n")
}

fn check_task(name: &str, output: &Output) -> Result<(), Failure> {
    let task = task(name)?;
    let rewards = check_rewards(task.spec())?;
    match carrot_sim::check_task(&task, PLAY) {
        Ok(report) => {
            let signals = report
                .signals
                .iter()
                .map(|(name, low, high)| json!({"name": name, "low": low, "high": high}));
            let document = json!({
                "task": name,
                "ok": true,
                "rewards": rewards,
                "episodes": report.episodes,
                "causes": report.causes.iter().copied().collect::<BTreeMap<_, _>>(),
                "signals": signals.collect::<Vec<_>>(),
            });
            output.answer(&document, || task_text(name, &rewards, &report))
        }
        Err(findings) => {
            let found: Vec<_> =
                findings.iter().map(|f| json!({"rule": f.rule, "message": f.message})).collect();
            output.answer(&json!({"task": name, "ok": false, "findings": found}), || {
                findings.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
            })?;
            Err(Failure::Wrong(format!("{name} breaks {} promises of a task", findings.len())))
        }
    }
}

fn task_text(name: &str, rewards: &[&str], report: &CheckReport) -> String {
    let causes = report.causes.iter().filter(|(_, count)| *count > 0);
    let causes: Vec<_> = causes.map(|(cause, count)| format!("{count} by {cause}")).collect();
    let signals = report
        .signals
        .iter()
        .map(|(name, low, high)| vec![format!("    {name}"), format!("{low} to {high}")]);
    format!(
        "{name}: ok\n  steps under each of its rewards: {}\n  {} steps of {} rows at random: {} episodes ended ({})\n  \
         signals seen{}",
        rewards.join(", "),
        PLAY.steps,
        PLAY.rows,
        report.episodes,
        causes.join(", "),
        table(&["", ""], &signals.collect::<Vec<_>>())
    )
}
