//! `carrot tasks`: what there is to train on, and what its rewards may speak of.

use carrot_sim::{ActionSpace, ObsPart, SignalSpec, TaskSpec};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table, wrap};

/// List tasks, or show one.
#[derive(Subcommand)]
pub(crate) enum Tasks {
    /// List all tasks
    #[command(after_help = "Example:\n  carrot tasks list")]
    List,
    /// Show a task: documentation, spaces, signals, rewards, scripts
    #[command(after_help = "Example:\n  carrot tasks show MountainCar-v0")]
    Show {
        /// Name of the task
        task: String,
    },
}

impl Tasks {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List => list(output),
            Self::Show { task } => {
                let task = lookup::task(task)?;
                let spec = task.spec();
                output.answer(&document(spec), || page(spec))
            }
        }
    }
}

fn list(output: &Output) -> Result<(), Failure> {
    let tasks: Vec<_> = carrot_tasks::task_names().into_iter().filter_map(carrot_tasks::build_task).collect();
    let rewards = |spec: &TaskSpec| spec.rewards.iter().map(|reward| reward.name).collect::<Vec<_>>();
    let brief = |spec: &TaskSpec| json!({"name": spec.name, "family": spec.family, "about": spec.about, "rewards": rewards(spec)});
    let document = tasks.iter().map(|task| brief(task.spec())).collect::<Vec<_>>();
    output.answer(&document, || {
        let row = |spec: &TaskSpec| vec![spec.name.into(), rewards(spec).join(" "), spec.about.into()];
        table(&["task", "rewards", "about"], &tasks.iter().map(|task| row(task.spec())).collect::<Vec<_>>())
    })
}

fn document(spec: &TaskSpec) -> Value {
    let rewards = spec.rewards.iter();
    let scripts = spec.scripts.iter();
    json!({
        "name": spec.name,
        "family": spec.family,
        "about": spec.about,
        "docs": spec.docs,
        "observation": spec.observation,
        "action": spec.action,
        "signals": signals(spec),
        "causes": spec.causes,
        "max_steps": spec.max_steps,
        "control_dt": spec.control_dt,
        "physics_dt": spec.physics_dt,
        "rewards": rewards
            .map(|r| json!({"name": r.name, "about": r.about, "ron": r.ron, "farmed_by": r.farmed_by}))
            .collect::<Vec<_>>(),
        "scripts": scripts.map(|s| json!({"name": s.name, "about": s.about})).collect::<Vec<_>>(),
    })
}

/// The task's signals and those of its actions.
fn signals(spec: &TaskSpec) -> Vec<SignalSpec> {
    spec.catalog().iter().map(|(_, signal)| signal.clone()).collect()
}

fn page(spec: &TaskSpec) -> String {
    let parts: Vec<String> = spec.observation.iter().map(part_text).collect();
    let end = match spec.max_steps {
        0 => "never cut".to_string(),
        steps => format!("cut after {steps} steps"),
    };
    let mut causes = vec!["time_limit", "fault"];
    causes.extend(spec.causes);
    let reward = |r: &carrot_sim::DefaultReward| {
        let farmed = r.farmed_by.map(|by| format!("\n    farmed by the script {by}")).unwrap_or_default();
        let ron = r.ron.trim().lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
        format!("  {}: {}{farmed}\n{ron}", r.name, r.about)
    };
    let script = |s: &carrot_sim::Script| vec![format!("  {}", s.name), s.about.to_string()];
    [
        format!("{} ({})", spec.name, spec.family),
        wrap(spec.about, 0),
        String::new(),
        spec.docs.trim().to_string(),
        String::new(),
        format!("Observation  {}", parts.join(", ")),
        format!("Action       {}", action_text(&spec.action)),
        format!("Time         {} s per step, {} s per physics step, {end}", spec.control_dt, spec.physics_dt),
        format!("Causes       {}", causes.join(", ")),
        String::new(),
        "Signals: what rewards may read".to_string(),
        table(
            &["  name", "kind", "unit", "range", "description"],
            &signals(spec).iter().map(signal_row).collect::<Vec<_>>(),
        ),
        String::new(),
        "Rewards: write `reward: \"name\"` in a scene".to_string(),
        spec.rewards.iter().map(reward).collect::<Vec<_>>().join("\n"),
        String::new(),
        "Scripts: for `carrot eval RUN --actor NAME`".to_string(),
        table(&["  name", "about"], &spec.scripts.iter().map(script).collect::<Vec<_>>()),
    ]
    .join("\n")
}

fn signal_row(signal: &SignalSpec) -> Vec<String> {
    let (low, high) = signal.range;
    vec![
        format!("  {}", signal.name),
        format!("{:?}", signal.kind).to_lowercase(),
        if signal.unit.is_empty() { "-".into() } else { signal.unit.clone() },
        format!("{low} to {high}"),
        signal.description.clone(),
    ]
}

fn part_text(part: &ObsPart) -> String {
    let shape = part.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    format!("{} [{shape}] {:?}", part.name, part.element).to_lowercase()
}

fn action_text(action: &ActionSpace) -> String {
    match action {
        ActionSpace::Discrete { names } => choices_text(names),
        ActionSpace::MultiDiscrete { names, choices } => {
            let elements = names.iter().zip(choices);
            let text = elements.map(|(name, choices)| format!("{name}: {}", choices_text(choices)));
            text.collect::<Vec<_>>().join("; ")
        }
        ActionSpace::Continuous { names, units, low, high } => {
            let elements = names.iter().zip(units).zip(low.iter().zip(high));
            let text = elements.map(|((name, unit), (low, high))| format!("{name} {low} to {high} {unit}"));
            text.map(|element| element.trim_end().to_string()).collect::<Vec<_>>().join(", ")
        }
    }
}

fn choices_text(names: &[String]) -> String {
    names.iter().enumerate().map(|(i, name)| format!("{i} {name}")).collect::<Vec<_>>().join(", ")
}
