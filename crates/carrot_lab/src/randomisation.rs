//! Randomisation: what a scene draws anew in each episode, as a task around the task.
//!
//! Every drawn number is a signal, `drawn_gravity`, so that it is recorded with its episode, and any episode can be
//! built again. Draws are keyed by row and episode. A curriculum widens a range row by row: a success raises the row's
//! level, a failure lowers it (the game-inspired curriculum of Rudin et al. 2022, there on terrain).

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{
    ActiveRows, App, BatchApp, Camera, Column, ColumnMut, Ends, GoalSpec, Handle, Intervention, Mdp,
    MdpError, Observe, PendingEdits, RowKey, RowKeys, Shard, SignalId, SignalSpec, Signals, Step,
    StepSystems, Stream, Task, TaskSpec, Vary, unit_f32,
};
use serde::{Deserialize, Serialize};

/// The most numbers that are drawn for an episode.
const MAX_DRAWS: usize = 32;
/// How far a level moves after an episode, unless a curriculum says otherwise.
const LEVEL_STEP: f32 = 0.05;

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq)]
enum Draw {
    Uniform(f32, f32),
    LogUniform(f32, f32),
    Choice(Vec<f32>),
    /// Uniform in a range that grows from the first to the second with the row's level.
    Curriculum {
        from: (f32, f32),
        to: (f32, f32),
    },
}

impl Draw {
    /// The number at `u` in [0, 1).
    fn at(&self, u: f32, level: f32) -> f32 {
        match self {
            Self::Uniform(low, high) => low + (high - low) * u,
            Self::LogUniform(low, high) => {
                let (low, high) = (libm::logf(*low), libm::logf(*high));
                libm::expf(low + (high - low) * u)
            }
            Self::Choice(values) => values[((u * values.len() as f32) as usize).min(values.len() - 1)],
            Self::Curriculum { from, to } => {
                let (low, high) = (from.0 + (to.0 - from.0) * level, from.1 + (to.1 - from.1) * level);
                low + (high - low) * u
            }
        }
    }

    /// Lowest and highest number.
    fn range(&self) -> (f32, f32) {
        match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => (*low, *high),
            Self::Choice(values) => (
                values.iter().copied().fold(f32::MAX, f32::min),
                values.iter().copied().fold(f32::MIN, f32::max),
            ),
            Self::Curriculum { from, to } => (from.0.min(to.0), from.1.max(to.1)),
        }
    }
}

/// One handle and the draws of its values.
#[derive(Debug, Clone)]
struct Field {
    handle: String,
    draws: Vec<Draw>,
}

/// What is drawn, and where it is told.
#[derive(Resource, Debug, Clone)]
struct Fields {
    fields: Arc<[Field]>,
    level_step: f32,
    /// First column of the drawn numbers; the level is the last one.
    column: SignalId,
    has_level: bool,
}

/// The numbers of the running episode.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Drawn {
    values: Vec<f32>,
    level: f32,
}

/// A task that draws a part of its scene anew in each episode.
struct Randomised {
    inner: Arc<dyn Task>,
    spec: TaskSpec,
    fields: Fields,
}

/// Wraps a task so that each episode draws what `node` says: `{"gravity": Uniform(-12.0, -6.0)}`.
///
/// Every mistake is reported; the task stays as it is then.
pub fn randomise(task: Arc<dyn Task>, node: &NodeRef, diagnostics: &mut Diagnostics) -> Arc<dyn Task> {
    let Some(entries) = node.map_entries().filter(|entries| !entries.is_empty()) else {
        let help = "write `randomisation: {\"gravity\": Uniform(-12.0, -6.0)}`";
        diagnostics.error(&node.head(), "`randomisation` maps handles to what is drawn for them", "", help);
        return task;
    };
    let handles = Shard::new(&task, &|_| {}, 1, 0, 1).handles().to_vec();
    let (before, mut fields, mut level_step) = (diagnostics.len(), Vec::new(), LEVEL_STEP);
    for (key, value) in &entries {
        fields.extend(read_field(key, value, &handles, &mut level_step, diagnostics));
    }
    let draws = || fields.iter().flat_map(|field: &Field| &field.draws);
    if draws().count() > MAX_DRAWS {
        let message = format!("an episode draws at most {MAX_DRAWS} numbers");
        diagnostics.error(&node.head(), message, "", "");
    }
    if diagnostics.len() > before {
        return task;
    }
    let mut spec = task.spec().clone();
    let column = SignalId(spec.signals.iter().map(|signal| signal.kind.width()).sum());
    for field in &fields {
        for (index, draw) in field.draws.iter().enumerate() {
            let number = if field.draws.len() > 1 { format!("_{index}") } else { String::new() };
            let about = format!("What this episode drew for `{}`.", field.handle);
            let name = format!("drawn_{}{number}", field.handle);
            spec.signals.push(SignalSpec::scalar(&name, "", draw.range(), &about));
        }
    }
    let has_level = draws().any(|draw| matches!(draw, Draw::Curriculum { .. }));
    if has_level {
        let about = "Level of the curriculum in this episode: rises with a success, falls with a failure.";
        spec.signals.push(SignalSpec::scalar("curriculum_level", "", (0.0, 1.0), about));
    }
    Arc::new(Randomised {
        inner: task,
        spec,
        fields: Fields { fields: fields.into(), level_step, column, has_level },
    })
}

fn read_field(
    key: &NodeRef,
    value: &NodeRef,
    handles: &[Handle],
    level_step: &mut f32,
    diagnostics: &mut Diagnostics,
) -> Option<Field> {
    let Some(name) = key.string() else {
        diagnostics.error(&key.span(), "a handle is named in quotes", "", "");
        return None;
    };
    let Some(handle) = handles.iter().find(|handle| handle.name == name.value) else {
        let valid: Vec<&str> = handles.iter().map(|handle| handle.name.as_str()).collect();
        diagnostics.unknown_name(&name.span, "handle", &name.value, &valid);
        return None;
    };
    let several = value.items().filter(|_| value.variant().is_none());
    let nodes = several.unwrap_or_else(|| vec![value.clone()]);
    if nodes.len() != handle.width {
        let message = format!("`{}` takes {} numbers, {} are drawn", handle.name, handle.width, nodes.len());
        diagnostics.error(&value.head(), message, "", handle.about.clone());
        return None;
    }
    let draws: Vec<Option<Draw>> =
        nodes.iter().map(|node| read_draw(node, level_step, diagnostics)).collect();
    Some(Field { handle: handle.name.clone(), draws: draws.into_iter().collect::<Option<_>>()? })
}

fn read_draw(node: &NodeRef, level_step: &mut f32, diagnostics: &mut Diagnostics) -> Option<Draw> {
    const FORMS: [&str; 4] = ["Uniform", "LogUniform", "Choice", "Curriculum"];
    let Some((form, arguments)) = node.variant() else {
        diagnostics.error(&node.head(), "expected a distribution", "", "write `Uniform(-0.1, 0.1)`");
        return None;
    };
    let ordered = |low: f32, high: f32, diagnostics: &mut Diagnostics| {
        let is_ordered = low <= high;
        if !is_ordered {
            diagnostics.error(
                &node.span(),
                format!("{low} is more than {high}"),
                "",
                "the lower number comes first",
            );
        }
        is_ordered
    };
    match form.value.as_str() {
        "Uniform" | "LogUniform" => {
            let (low, high): (f32, f32) = diagnostics.collect(arguments.parse())?;
            if !ordered(low, high, diagnostics) {
                return None;
            }
            if form.value == "Uniform" {
                return Some(Draw::Uniform(low, high));
            }
            if low <= 0.0 {
                diagnostics.error(&node.span(), "only numbers above 0 have a logarithm", "", "use `Uniform`");
                return None;
            }
            Some(Draw::LogUniform(low, high))
        }
        "Choice" => {
            let list = arguments.items().filter(|items| items.len() == 1).map(|mut items| items.remove(0));
            let values: Vec<f32> = diagnostics.collect(list.unwrap_or(arguments).parse())?;
            if values.is_empty() {
                diagnostics.error(&node.span(), "a choice is among one number at least", "", "");
                return None;
            }
            Some(Draw::Choice(values))
        }
        "Curriculum" => {
            let mut reader = Reader::open(&arguments, diagnostics)?;
            let from = reader.required::<(f32, f32)>("from");
            let to = reader.required::<(f32, f32)>("to");
            *level_step = reader.optional_in("step", *level_step, 0.001..=1.0);
            reader.finish();
            let (from, to) = (from?, to?);
            let is_ordered = ordered(from.0, from.1, diagnostics) && ordered(to.0, to.1, diagnostics);
            is_ordered.then_some(Draw::Curriculum { from, to })
        }
        other => {
            diagnostics.unknown_name(&form.span, "distribution", other, &FORMS);
            None
        }
    }
}

impl Task for Randomised {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        self.inner.build(app);
        let draws = self.fields.fields.iter().map(|field| field.draws.len()).sum();
        app.insert_resource(self.fields.clone())
            .add_row_state(Drawn { values: vec![0.0; draws], level: 0.0 })
            .add_systems(Vary, draw)
            // Between the task's own signals and the machines that follow them.
            .add_systems(Step, tell.after(StepSystems::Measure).before(StepSystems::Track))
            .add_systems(Observe, tell.after(StepSystems::Measure).before(StepSystems::Track));
    }

    fn camera(&self) -> Camera {
        self.inner.camera()
    }

    fn goal(&self) -> Option<GoalSpec> {
        self.inner.goal()
    }

    /// None: a model is of one scene.
    fn mdp(&self, _: RowKey) -> Result<Mdp, MdpError> {
        Err(MdpError::NotListed(self.spec.name))
    }
}

/// Draws the numbers of fresh episodes and sets them.
fn draw(
    rows: Res<ActiveRows>,
    fields: Res<Fields>,
    keys: RowKeys,
    ends: Res<Ends>,
    mut drawn: ColumnMut<Drawn>,
    mut edits: ResMut<PendingEdits>,
) {
    let (keys, drawn) = (keys.columns(), drawn.slice_mut());
    rows.each(|row| {
        let (key, own) = (keys.key(row), &mut drawn[row]);
        let has_ended = key.episode > 0 && (ends.terminated[row] || ends.truncated[row]);
        if has_ended {
            let change = if ends.success[row] { fields.level_step } else { -fields.level_step };
            own.level = (own.level + change).clamp(0.0, 1.0);
        }
        let mut at = 0;
        for field in fields.fields.iter() {
            let first = at;
            for draw in &field.draws {
                // From the end of the stream, far from the draws of steps.
                let words = key.words(Stream::Perturb, u32::MAX - at as u32 / 4);
                own.values[at] = draw.at(unit_f32(words[at % 4]), own.level);
                at += 1;
            }
            let values = own.values[first..at].to_vec();
            edits.push(Intervention { row, handle: field.handle.clone(), values });
        }
    });
}

/// Tells what was drawn as signals.
fn tell(rows: Res<ActiveRows>, fields: Res<Fields>, drawn: Column<Drawn>, mut signals: ResMut<Signals>) {
    let drawn = drawn.slice();
    let numbers = drawn.first().map_or(0, |drawn| drawn.values.len());
    for index in 0..numbers {
        let column = signals.target(fields.column, index);
        rows.each(|row| column[row] = drawn[row].values[index]);
    }
    if fields.has_level {
        let column = signals.target(fields.column, numbers);
        rows.each(|row| column[row] = drawn[row].level);
    }
}
