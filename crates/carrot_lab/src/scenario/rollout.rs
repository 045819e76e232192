//! What a scenario says of its rollouts: who acts, how many envs, how long, and what happens to them.

use std::path::Path;

use carrot_reward::expr::Compiled;
use carrot_reward::{Graph, Scope};
use carrot_scene::{Diagnostics, NodeRef, Reader, Shape, Spanned};
use carrot_sim::{ActionSpace, Handle, Shard, Task, TaskSpec};
use std::sync::Arc;

use super::expect::one_line;
use super::policy::{Policy, idle_action};
use super::timeline::{Act, Drive, Entry, MAX_ENTRIES, Sensor, Timeline, Trigger};

/// The most envs of a rollout.
const MAX_ENVS: usize = 4096;
/// The most steps of a rollout.
const MAX_STEPS: usize = 1 << 16;
/// Steps of a rollout of a task whose episodes have no end.
const ENDLESS: usize = 1000;

/// A rollout, ready to be played.
#[derive(Debug, Clone)]
pub struct RolloutSpec {
    /// Name in its file.
    pub name: String,
    /// Who acts first, then those whom the timeline may hand control to.
    pub policies: Vec<Policy>,
    /// Envs, each with one episode.
    pub envs: usize,
    /// Steps after which an episode is left.
    pub steps: usize,
    /// Seed of its episodes.
    pub seed: u64,
    pub(crate) timeline: Timeline,
}

/// What names mean in a rollout.
pub(crate) struct Names<'a> {
    pub(crate) task: &'a TaskSpec,
    pub(crate) scope: &'a Scope,
    pub(crate) handles: &'a [Handle],
    pub(crate) rewards: &'a [Graph],
    pub(crate) folder: &'a Path,
}

impl RolloutSpec {
    pub(crate) fn read(
        name: &str,
        node: &NodeRef,
        names: &Names<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let limit = match names.task.max_steps {
            0 => ENDLESS,
            steps => steps as usize,
        };
        let mut reader = Reader::open(node, diagnostics)?;
        let policy = reader.required_node("policy");
        let envs = reader.optional_in("envs", 4, 1..=MAX_ENVS);
        let steps = reader.optional_in("steps", limit, 1..=MAX_STEPS);
        let seed = reader.optional("seed", 1);
        let timeline = reader.node("timeline");
        reader.finish();
        let mut policies = Vec::new();
        policies.extend(policy.and_then(|node| read_policy(&node, names, diagnostics)));
        let entries = match &timeline {
            None => Vec::new(),
            Some(node) => read_timeline(node, names, &mut policies, diagnostics),
        };
        (!policies.is_empty()).then(|| Self {
            name: name.into(),
            policies,
            envs,
            steps,
            seed,
            timeline: entries.into(),
        })
    }

    /// The lines of its timeline, as they are written.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.timeline.iter().map(|entry| entry.text.as_str())
    }
}

fn read_policy(node: &NodeRef, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let space = &names.task.action;
    if let Some((form, arguments)) = node.variant() {
        let only = arguments.items().filter(|items| items.len() == 1).map(|mut items| items.remove(0));
        return match (form.value.as_str(), only) {
            ("Actions", Some(list)) => read_actions(&list, space, diagnostics),
            ("Checkpoint", Some(path)) => {
                let run: String = diagnostics.collect(path.parse())?;
                let run = names.folder.join(run);
                if !run.join("meta.json").is_file() {
                    let message = format!("{} is no run", run.display());
                    diagnostics.error(
                        &path.span(),
                        message,
                        "",
                        "a run is a folder that `carrot train` made",
                    );
                    return None;
                }
                Some(Policy::Checkpoint(run))
            }
            ("Actions" | "Checkpoint", None) => {
                let help = "write `Actions([[0.5], [1.0]])` or `Checkpoint(\"../../runs/..\")`";
                diagnostics.error(&form.span, format!("`{}` takes one value", form.value), "", help);
                None
            }
            (other, _) => {
                diagnostics.unknown_name(&form.span, "kind of policy", other, &["Actions", "Checkpoint"]);
                None
            }
        };
    }
    let Some(name) = node.string() else {
        let help =
            "write `policy: \"expert\"`, `\"random\"`, `\"idle\"`, `Actions([..])` or `Checkpoint(\"..\")`";
        diagnostics.error(&node.head(), "expected a policy", "", help);
        return None;
    };
    match name.value.as_str() {
        "random" => Some(Policy::Random),
        "idle" => {
            let idle = idle_action(space);
            if idle.is_none() {
                let message = format!("{} has no action that does nothing", names.task.name);
                diagnostics.error(&name.span, message, "", "list the actions: `Actions([[0], [1]])`");
            }
            idle.map(Policy::Idle)
        }
        script => {
            let found = names.task.script(script).map(Policy::Script);
            if found.is_none() {
                let scripts = names.task.scripts.iter().map(|script| script.name);
                let valid: Vec<&str> = scripts.chain(["random", "idle"]).collect();
                diagnostics.unknown_name(&name.span, "policy", script, &valid);
            }
            found
        }
    }
}

/// A list of actions, each a list of numbers; a single choice may stand alone, by number or name.
fn read_actions(node: &NodeRef, space: &ActionSpace, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let (width, items) = (space.width(), node.items().unwrap_or_default());
    if items.is_empty() {
        diagnostics.error(
            &node.head(),
            "a list of actions has at least one",
            "",
            "write `Actions([[0], [1]])`",
        );
        return None;
    }
    let mut actions = Vec::with_capacity(items.len());
    for item in &items {
        let action = match (item.string(), item.shape()) {
            (Some(name), _) => vec![read_choice(&name, space, diagnostics)?],
            (None, Shape::Number) => vec![diagnostics.collect(item.parse::<f32>())?],
            _ => diagnostics.collect(item.parse::<Vec<f32>>())?,
        };
        if action.len() != width {
            let message = format!("this action has {} numbers, the task takes {width}", action.len());
            diagnostics.error(&item.span(), message, "", "");
            return None;
        }
        actions.push(action);
    }
    Some(Policy::Actions(actions))
}

fn read_choice(name: &Spanned<String>, space: &ActionSpace, diagnostics: &mut Diagnostics) -> Option<f32> {
    let names = if let ActionSpace::Discrete { names } = space { names.as_slice() } else { &[] };
    let found = names.iter().position(|own| *own == name.value);
    if found.is_none() {
        diagnostics.unknown_name(&name.span, "action", &name.value, names);
    }
    found.map(|at| at as f32)
}

/// Reads a timeline; policies that it names are added to the list.
pub(crate) fn read_timeline(
    node: &NodeRef,
    names: &Names<'_>,
    policies: &mut Vec<Policy>,
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let Some(items) = node.items() else {
        let help = "write `timeline: [(at: 10, do: Set(\"position\", 0.5))]`";
        diagnostics.error(&node.head(), "a timeline is a list", "", help);
        return Vec::new();
    };
    if items.len() > MAX_ENTRIES {
        let message = format!("a timeline has at most {MAX_ENTRIES} entries, this one has {}", items.len());
        diagnostics.error(&node.head(), message, "", "");
        return Vec::new();
    }
    items.iter().filter_map(|item| read_entry(item, names, policies, diagnostics)).collect()
}

/// Reads what happens to every row of a training: a timeline whose lines change rows themselves.
pub(crate) fn read_perturbations(
    node: &NodeRef,
    task: &Arc<dyn Task>,
    rewards: &[Graph],
    diagnostics: &mut Diagnostics,
) -> Timeline {
    let scope = Scope::new(task.spec(), &[]);
    let handles = Shard::new(task, &|_| {}, 1, 0, 1).handles().to_vec();
    let folder = Path::new("");
    let names = Names { task: task.spec(), scope: &scope, handles: &handles, rewards, folder };
    let entries = read_timeline(node, &names, &mut Vec::new(), diagnostics);
    if entries.iter().any(|entry| matches!(entry.act, Act::Drive(_))) {
        let help = "a training perturbs with `Set`, `Jitter` and `Push`";
        diagnostics.error(&node.head(), "a line here acts on policies, sensors or weights", "", help);
    }
    entries.into()
}

fn read_entry(
    node: &NodeRef,
    names: &Names<'_>,
    policies: &mut Vec<Policy>,
    diagnostics: &mut Diagnostics,
) -> Option<Entry> {
    let mut reader = Reader::open(node, diagnostics)?;
    let at = reader.node("at");
    let at_secs = reader.node("at_secs");
    let when = reader.node("when");
    let act = reader.required_node("do");
    let (head, given) = (reader.head(), [&at, &at_secs, &when].into_iter().flatten().count());
    reader.finish();
    let act = act.and_then(|node| read_act(&node, names, policies, diagnostics));
    if given != 1 {
        let help = "write `at: 10` (steps), `at_secs: 0.5`, or `when: \"..\"`";
        diagnostics.error(&head, "an entry says once when it comes to pass", "", help);
        return None;
    }
    let trigger = if let Some(node) = at {
        Trigger::Step(diagnostics.collect(node.parse::<u32>())?)
    } else if let Some(node) = at_secs {
        let secs: f32 = diagnostics.collect(node.parse())?;
        if !(0.0..=1e6).contains(&secs) {
            diagnostics.error(&node.span(), "a time is from 0 to a million seconds", "", "");
            return None;
        }
        Trigger::Step((secs / names.task.control_dt).round() as u32)
    } else {
        Trigger::When(read_condition(&when?, names.scope, diagnostics)?)
    };
    Some(Entry { text: one_line(node.text()), trigger, act: act? })
}

/// A condition over the state that a timeline finds.
fn read_condition(node: &NodeRef, scope: &Scope, diagnostics: &mut Diagnostics) -> Option<Arc<Compiled>> {
    let Some(text) = node.string() else {
        diagnostics.error(
            &node.head(),
            "expected a condition in quotes",
            "",
            "write `when: \"position > 0.2 [m]\"`",
        );
        return None;
    };
    match Compiled::condition(&text.value, scope) {
        Ok(condition) if condition.is_of_state && condition.params.is_empty() => Some(Arc::new(condition)),
        Ok(_) => {
            let help = "leave out `prev`, `delta`, `rate`, `terminated`, `truncated`, `cause` and `param`";
            diagnostics.error(&node.head(), "a timeline looks at the present state alone", "", help);
            None
        }
        Err(mistake) => {
            mistake.report(node, diagnostics);
            None
        }
    }
}

const ACTS: [&str; 10] = [
    "Set",
    "Jitter",
    "Push",
    "Control",
    "ActionNoise",
    "ActionDelay",
    "SensorNoise",
    "SensorDelay",
    "Drop",
    "Weight",
];

fn read_act(
    node: &NodeRef,
    names: &Names<'_>,
    policies: &mut Vec<Policy>,
    diagnostics: &mut Diagnostics,
) -> Option<Act> {
    let Some((form, arguments)) = node.variant() else {
        let help = "write `Set(\"position\", 0.5)`";
        diagnostics.error(&node.head(), "expected something to do", "", help);
        return None;
    };
    let items = arguments.items().unwrap_or_default();
    let name = form.value.as_str();
    let usage = match name {
        "Set" | "Jitter" => "(\"handle\", values)",
        "Push" => "(\"body\", (x, y, z), steps)",
        "Control" => "(\"policy\")",
        "ActionNoise" => "(0.1)",
        "ActionDelay" | "SensorDelay" => "(2)",
        "SensorNoise" => "(\"signal\", 0.1)",
        "Drop" => "(\"signal\")",
        "Weight" => "(\"reward\", \"term\", 2.0)",
        _ => {
            diagnostics.unknown_name(&form.span, "thing to do", name, &ACTS);
            return None;
        }
    };
    if items.len() != usage_count(name) {
        let message = format!("`{name}` does not take {} values", items.len());
        diagnostics.error(&form.span, message, "", format!("write `{name}{usage}`"));
        return None;
    }
    match name {
        "Set" | "Jitter" => {
            let handle = read_name(&items[0], diagnostics)?;
            let values = read_values(&items[1], diagnostics)?;
            let handle = find_handle(&handle, &handle.value, values.len(), &items[1], names, diagnostics)?;
            if name == "Set" {
                return Some(Act::Set { handle, values });
            }
            let signal =
                names.scope.catalog.find(&handle).filter(|(_, spec)| spec.kind.width() == values.len());
            let Some((id, _)) = signal else {
                let message = format!("`{handle}` is no signal, so that nothing says where it is");
                diagnostics.error(&items[0].span(), message, "", "use `Set`");
                return None;
            };
            Some(Act::Jitter { handle, column: id.0, spread: values })
        }
        "Push" => {
            let body = read_name(&items[0], diagnostics)?;
            let values = read_values(&items[1], diagnostics)?;
            let steps = diagnostics.collect(items[2].parse::<u32>())?;
            let wanted = format!("{}_force", body.value);
            let handle = find_handle(&body, &wanted, values.len(), &items[1], names, diagnostics)?;
            Some(Act::Hold { handle, values, steps })
        }
        _ => read_drive(name, &items, names, policies, diagnostics).map(Act::Drive),
    }
}

fn usage_count(name: &str) -> usize {
    match name {
        "Push" | "Weight" => 3,
        "Set" | "Jitter" | "SensorNoise" => 2,
        _ => 1,
    }
}

fn read_drive(
    name: &str,
    items: &[NodeRef],
    names: &Names<'_>,
    policies: &mut Vec<Policy>,
    diagnostics: &mut Diagnostics,
) -> Option<Drive> {
    match name {
        "Control" => {
            policies.push(read_policy(&items[0], names, diagnostics)?);
            Some(Drive::Control(policies.len() - 1))
        }
        "ActionNoise" => read_spread(&items[0], diagnostics).map(Drive::ActionNoise),
        "ActionDelay" => diagnostics.collect(items[0].parse()).map(Drive::ActionDelay),
        "SensorDelay" => diagnostics.collect(items[0].parse()).map(Drive::SensorDelay),
        "SensorNoise" => {
            let sensor = read_sensor(&items[0], names, diagnostics)?;
            read_spread(&items[1], diagnostics).map(|spread| Drive::SensorNoise(sensor, spread))
        }
        "Drop" => read_sensor(&items[0], names, diagnostics).map(Drive::Drop),
        _ => {
            let reward = read_name(&items[0], diagnostics)?;
            let term = read_name(&items[1], diagnostics)?;
            let weight = diagnostics.collect(items[2].parse::<f32>())?;
            let Some(index) = names.rewards.iter().position(|graph| graph.name == reward.value) else {
                let valid: Vec<&str> = names.rewards.iter().map(|graph| graph.name.as_str()).collect();
                diagnostics.unknown_name(&reward.span, "reward", &reward.value, &valid);
                return None;
            };
            let nodes = &names.rewards[index].nodes;
            let node = nodes.iter().position(|node| node.name == term.value);
            if node.is_none() {
                let valid: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
                diagnostics.unknown_name(&term.span, "term", &term.value, &valid);
            }
            node.map(|node| Drive::Weight(index, node, weight))
        }
    }
}

pub(crate) fn read_name(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    let name = node.string();
    if name.is_none() {
        diagnostics.error(&node.head(), "expected a name in quotes", "", "");
    }
    name
}

/// One number, or a list or tuple of them.
fn read_values(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Vec<f32>> {
    match node.items() {
        None => diagnostics.collect(node.parse::<f32>()).map(|value| vec![value]),
        Some(items) => items.iter().map(|item| diagnostics.collect(item.parse::<f32>())).collect(),
    }
}

fn read_spread(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<f32> {
    let spread = diagnostics.collect(node.parse::<f32>())?;
    if spread < 0.0 {
        diagnostics.error(&node.span(), "noise is 0 or more", "", "");
        return None;
    }
    Some(spread)
}

/// A handle of the task that takes so many values.
fn find_handle(
    name: &Spanned<String>,
    wanted: &str,
    given: usize,
    values: &NodeRef,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let Some(handle) = names.handles.iter().find(|handle| handle.name == wanted) else {
        let is_push = wanted != name.value;
        let known = names.handles.iter().map(|handle| handle.name.as_str());
        let valid: Vec<&str> = match is_push {
            true => known.filter_map(|handle| handle.strip_suffix("_force")).collect(),
            false => known.collect(),
        };
        let what = if is_push { "body that can be pushed" } else { "handle" };
        diagnostics.unknown_name(&name.span, what, &name.value, &valid);
        return None;
    };
    if handle.width != given {
        let message = format!("`{wanted}` takes {} numbers, {given} are given", handle.width);
        diagnostics.error(&values.span(), message, "", handle.about.clone());
        return None;
    }
    Some(handle.name.clone())
}

fn read_sensor(node: &NodeRef, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Sensor> {
    let name = read_name(node, diagnostics)?;
    if let Some((id, spec)) = names.scope.catalog.find(&name.value) {
        return Some(Sensor::Signal(id.0..id.0 + spec.kind.width()));
    }
    let parts = &names.task.observation;
    let part = parts.iter().position(|part| part.name == name.value);
    if part.is_none() {
        let signals = names.scope.catalog.names();
        let valid: Vec<&str> =
            signals.into_iter().chain(parts.iter().map(|part| part.name.as_str())).collect();
        diagnostics.unknown_name(&name.span, "sensor", &name.value, &valid);
    }
    part.map(Sensor::Part)
}
