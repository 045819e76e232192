//! A gridworld task from its sheet: what differs between tasks, and what all of them share.

use bevy_ecs::prelude::*;
use carrot_sim::mdp::{Clock, Ending, Explorer};
use carrot_sim::{
    ActionSpace, App, CAUSE_NONE, DefaultReward, Mdp, MdpError, RowKey, Script, Task, TaskSpec,
};

use super::grid::{Agent, Grid, action};
use super::layout::{Draft, Landmarks, Layouts};
use super::path::Distances;
use super::{Gridworld, HARM, Hazard, Objective, REACHED_GOAL, Way, act_and_mark, signals};

/// More states than this take minutes to list and solve.
const MOST_STATES: usize = 200_000;

/// What a gridworld task differs in from the others.
#[derive(Debug, Clone)]
pub(super) struct Sheet<const W: usize, const H: usize> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) docs: &'static str,
    /// Choices that the agent has, the first of MiniGrid's seven.
    pub(super) actions: usize,
    pub(super) max_steps: u32,
    pub(super) causes: &'static [&'static str],
    pub(super) rules: Rules<W, H>,
    pub(super) rewards: [DefaultReward; 4],
    pub(super) scripts: [Script; 2],
}

/// What the systems of a gridworld ask.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Rules<const W: usize, const H: usize> {
    /// What ends an episode as a success.
    pub objective: Objective,
    /// What ends it otherwise.
    pub hazard: Hazard,
    /// What else is measured.
    pub way: Way,
    /// Whether the agent sees through walls.
    pub see_through: bool,
    /// Lays out a fresh row.
    pub lay_out: fn(&mut Draft<W, H>),
}

/// A gridworld task.
#[derive(Debug, Clone)]
pub struct GridTask<const W: usize, const H: usize> {
    spec: TaskSpec,
    rules: Rules<W, H>,
    layouts: Option<Layouts>,
}

impl<const W: usize, const H: usize> GridTask<W, H> {
    pub(super) fn new(sheet: Sheet<W, H>) -> Self {
        let Rules { objective, hazard, way, .. } = sheet.rules;
        let mut signals = signals::base_specs::<W, H>(objective);
        signals.extend(signals::hazard_spec(hazard));
        match way {
            Way::Straight => {}
            Way::Walked => signals.push(signals::path_spec::<W, H>()),
            Way::Keyed => signals.extend(signals::key_specs::<W, H>(objective)),
        }
        let spec = TaskSpec {
            name: sheet.name,
            family: "gridworld",
            about: sheet.about,
            docs: sheet.docs,
            observation: Gridworld::<W, H>::observation(),
            action: ActionSpace::discrete(&action::NAMES[..sheet.actions]),
            signals,
            causes: sheet.causes,
            max_steps: sheet.max_steps,
            // A gridworld has no unit of time; a step counts as one second.
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: sheet.rewards.to_vec(),
            scripts: sheet.scripts.to_vec(),
        };
        Self { spec, rules: sheet.rules, layouts: None }
    }

    /// The same task with so many layouts in all.
    #[must_use]
    pub fn with_layouts(self, count: u32) -> Self {
        Self { layouts: Some(Layouts(count)), ..self }
    }
}

impl<const W: usize, const H: usize> Task for GridTask<W, H> {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        app.add_plugins(Gridworld { rules: self.rules });
        if let Some(layouts) = self.layouts {
            app.insert_resource(layouts);
        }
    }

    fn mdp(&self, layout: RowKey) -> Result<Mdp, MdpError> {
        if self.rules.hazard == Hazard::Obstacles {
            return Err(MdpError::NotListed(self.spec.name));
        }
        let mut draft = Draft::<W, H>::new(Layouts::key(self.layouts, layout));
        (self.rules.lay_out)(&mut draft);
        self.explore(State { grid: draft.grid, agent: draft.agent, marks: draft.marks })
    }
}

/// All of a row that can change within an episode, but for its step count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State<const W: usize, const H: usize> {
    grid: Grid<W, H>,
    agent: Agent,
    marks: Landmarks,
}

impl<const W: usize, const H: usize> GridTask<W, H> {
    fn explore(&self, start: State<W, H>) -> Result<Mdp, MdpError> {
        let rules = self.rules;
        let distances = Distances::to(start.marks.goal, &start.grid);
        let harmed = |s: &State<W, H>| {
            if rules.hazard == Hazard::Lava { signals::in_lava(&s.grid, &s.agent) } else { 0.0 }
        };
        let step = |s: &State<W, H>, action: usize, next: &mut Vec<(f64, State<W, H>)>| {
            let mut s = s.clone();
            act_and_mark(&mut s.grid, &mut s.agent, &mut s.marks, action as u8);
            next.push((1.0, s));
        };
        let ending = |s: &State<W, H>| {
            let success = signals::is_reached(rules.objective, &s.grid, &s.agent, &s.marks);
            let cause = if harmed(s) > 0.0 { HARM } else { CAUSE_NONE };
            Ending { cause: if success { REACHED_GOAL } else { cause }, success }
        };
        let bonuses = signals::time_bonuses(self.spec.max_steps);
        let measure = |s: &State<W, H>| {
            let mut row = signals::base_signals(rules.objective, &s.grid, &s.agent, &s.marks).to_vec();
            row[signals::TIME_BONUS] = bonuses[0];
            if rules.hazard == Hazard::Lava {
                row.push(harmed(s));
            }
            match rules.way {
                Way::Straight => {}
                Way::Walked => row.push(distances.of(&s.agent)),
                Way::Keyed => {
                    let keys = signals::key_signals(&s.grid, &s.agent, &s.marks);
                    let open = rules.objective != Objective::OpenDoor;
                    row.extend(&keys[..signals::KEYS - usize::from(!open)]);
                }
            }
            row
        };
        let explorer = Explorer {
            num_actions: self.spec.action.choices(0).unwrap_or_default(),
            step: &step,
            ending: &ending,
            signals: &measure,
            clocks: vec![Clock { column: signals::TIME_BONUS, values: bonuses.clone() }],
            max_steps: self.spec.max_steps,
        };
        explorer.explore([(start, 1.0)], MOST_STATES)
    }
}
