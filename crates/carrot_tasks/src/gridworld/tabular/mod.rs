//! Tasks that are a table: the exact model is the simulation, so what is exported and what is stepped are one
//! thing.
//!
//! A task says what its states are and what follows from each; every signal, end and observation of a state is
//! looked up from then on.

use std::hash::Hash;

use bevy_ecs::prelude::*;
use carrot_sim::mdp::{Clock, Ending, Explorer};
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, CAUSE_NONE, Column, ColumnMut, DefaultReward, Drawing,
    Ends, Mdp, MdpError, ObsPart, Observations, RowKey, RowKeys, Script, ScriptView, SignalId, SignalSpec,
    Signals, StepCount, StepSystems, Stream, Task, TaskSpec, Tiles, row_state, set_row_state,
};
use serde::{Deserialize, Serialize};

use super::choice;
use super::signals::time_bonuses;
use table::Table;

pub mod cliff_walking;
pub mod frozen_lake;
mod table;
pub mod taxi;

/// What a table task differs in from the others.
struct Sheet<S> {
    name: &'static str,
    about: &'static str,
    docs: &'static str,
    actions: &'static [&'static str],
    max_steps: u32,
    causes: &'static [&'static str],
    /// Signals, without the time bonus, which comes last.
    signals: Vec<SignalSpec>,
    /// Name of the observation, and the signal columns that are its elements, each with its highest value.
    observation: (&'static str, &'static [(usize, u8)]),
    score: Score,
    /// States to list first, each with the probability of starting in it.
    roots: Vec<(S, f64)>,
    /// States that follow an action, with their probabilities.
    step: fn(&S, usize, &mut Vec<(f64, S)>),
    ending: fn(&S) -> Ending,
    /// One value per signal but the time bonus.
    measure: fn(&S) -> Vec<f32>,
    board: Board,
    rewards: [DefaultReward; 4],
    scripts: [Script; 2],
}

/// What a success scores.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
enum Score {
    /// 1: how long it takes is luck.
    Whole,
    /// The time bonus.
    TimeBonus,
}

/// (object, colour, state) of a tile by its column and row, given the signals of the state.
type TileFn = fn(&dyn Fn(usize) -> f32, u8, u8) -> [u8; 3];

/// How a state is drawn.
#[derive(Resource, Debug, Clone, Copy)]
struct Board {
    width: u8,
    height: u8,
    /// Signal columns of the agent's column and row.
    agent: [usize; 2],
    tile: TileFn,
}

/// What success pays for being early, by step count.
#[derive(Resource, Debug, Clone)]
struct TimeBonuses(Vec<f32>);

/// State of a row: its number in the table.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TableState(u32);

/// A task that is a table.
pub struct TableTask {
    spec: TaskSpec,
    table: Table,
    score: Score,
    board: Board,
}

impl TableTask {
    fn new<S: Clone + Eq + Hash>(sheet: Sheet<S>) -> Self {
        let bonuses = time_bonuses(sheet.max_steps);
        let mut signals = sheet.signals;
        let clocks = vec![Clock { column: signals.len(), values: bonuses.clone() }];
        signals.push(SignalSpec::scalar("time_bonus", "", (0.1, 1.0), "1 - 0.9 * steps / step limit."));
        let measure = |state: &S| [(sheet.measure)(state), vec![bonuses[0]]].concat();
        let explorer = Explorer {
            num_actions: sheet.actions.len(),
            step: &sheet.step,
            ending: &sheet.ending,
            signals: &measure,
            clocks,
            max_steps: sheet.max_steps,
        };
        let mdp = explorer.explore_all(sheet.roots);
        let (part, elements) = sheet.observation;
        let columns: Vec<usize> = elements.iter().map(|(column, _)| *column).collect();
        let high = elements.iter().map(|(_, high)| f32::from(*high)).collect();
        let part =
            ObsPart { low: vec![0.0; columns.len()], high, ..ObsPart::bytes(part, &[columns.len()], 0) };
        let spec = TaskSpec {
            name: sheet.name,
            family: "gridworld",
            about: sheet.about,
            docs: sheet.docs,
            observation: vec![part],
            action: ActionSpace::discrete(sheet.actions),
            signals,
            causes: sheet.causes,
            max_steps: sheet.max_steps,
            // A table has no unit of time; a step counts as one second.
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: sheet.rewards.to_vec(),
            scripts: sheet.scripts.to_vec(),
        };
        Self { spec, table: Table::new(mdp, &columns), score: sheet.score, board: sheet.board }
    }
}

impl Task for TableTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        app.insert_resource(self.table.clone())
            .insert_resource(self.score)
            .insert_resource(self.board)
            .insert_resource(TimeBonuses(time_bonuses(self.spec.max_steps)))
            .add_row_state(TableState(0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("state", "Number of the state; one that does not exist changes nothing.", 1, place);
    }

    fn mdp(&self, _layout: RowKey) -> Result<Mdp, MdpError> {
        Ok(self.table.mdp().clone())
    }
}

fn restart(rows: Res<ActiveRows>, keys: RowKeys, table: Res<Table>, mut states: ColumnMut<TableState>) {
    let (keys, states) = (keys.columns(), states.slice_mut());
    keys.draw(&rows, Stream::Reset, |row, [word, ..]| states[row].0 = table.start(word));
}

fn simulate(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    actions: Res<Actions>,
    steps: Column<StepCount>,
    table: Res<Table>,
    mut states: ColumnMut<TableState>,
) {
    let (steps, states, actions) = (steps.slice(), states.slice_mut(), &actions.applied[..]);
    if table.is_random() {
        let block_of = |row: usize| steps[row].0;
        keys.columns().draw_block(&rows, Stream::Dynamics, block_of, |row, [word, ..]| {
            states[row].0 = table.next(states[row].0, choice(actions[row]), word);
        });
    } else {
        for (state, &action) in states.iter_mut().zip(actions) {
            state.0 = table.only_next(state.0, choice(action));
        }
    }
}

fn measure(
    rows: Res<ActiveRows>,
    table: Res<Table>,
    bonuses: Res<TimeBonuses>,
    states: Column<TableState>,
    steps: Column<StepCount>,
    mut signals: ResMut<Signals>,
) {
    let (mdp, states, steps) = (table.mdp(), states.slice(), steps.slice());
    let bonus = mdp.clocks[0].column;
    for column in 0..bonus {
        let values = mdp.column(column);
        rows.map(states, signals.target(SignalId(column), 0), |state| values[state.0 as usize]);
    }
    let last = bonuses.0.len() - 1;
    rows.map(steps, signals.target(SignalId(bonus), 0), |steps| bonuses.0[(steps.0 as usize).min(last)]);
}

fn judge(
    table: Res<Table>,
    score: Res<Score>,
    states: Column<TableState>,
    signals: Res<Signals>,
    mut ends: ResMut<Ends>,
) {
    let (mdp, states) = (table.mdp(), states.slice());
    let bonus = signals.now().column(mdp.clocks[0].column);
    let Ends { terminated, cause, success, score: scores, .. } = &mut *ends;
    let flags = terminated.iter_mut().zip(cause).zip(success).zip(scores).zip(bonus);
    for (((((terminated, cause), success), value), &bonus), state) in flags.zip(states) {
        let state = state.0 as usize;
        *cause = mdp.cause[state];
        *terminated = *cause != CAUSE_NONE;
        *success = mdp.success[state];
        let whole = if *score == Score::Whole { 1.0 } else { bonus };
        *value = if *success { whole } else { 0.0 };
    }
}

fn sense(
    rows: Res<ActiveRows>,
    table: Res<Table>,
    states: Column<TableState>,
    mut observations: ResMut<Observations>,
) {
    let (states, (seen, elements), out) = (states.slice(), table.observations(), observations.u8_mut(0));
    if elements == 1 {
        rows.map(states, out, |state| seen[state.0 as usize]);
    } else {
        rows.each(|row| {
            let from = states[row].0 as usize * elements;
            out[row * elements..][..elements].copy_from_slice(&seen[from..from + elements]);
        });
    }
}

fn place(world: &mut World, row: usize, values: &[f32]) {
    let states = world.get_resource::<Table>().map_or(0, |table| table.mdp().num_states());
    if (0.0..states as f32).contains(&values[0]) {
        set_row_state(world, row, TableState(values[0] as u32));
    }
}

fn draw(world: &World, row: usize) -> Drawing {
    let found =
        (world.get_resource::<Table>(), world.get_resource::<Board>(), row_state::<TableState>(world, row));
    let (Some(table), Some(board), Some(state)) = found else { return Drawing::default() };
    let signal = |column: usize| table.mdp().column(column)[state.0 as usize];
    let (width, height) = (usize::from(board.width), usize::from(board.height));
    let tiles = (0..board.height).flat_map(|y| (0..board.width).map(move |x| (x, y)));
    let tiles = Tiles {
        width,
        height,
        cells: tiles.map(|(x, y)| (board.tile)(&signal, x, y)).collect(),
        agent: board.agent.map(|column| signal(column) as u8),
        // The agent of a table faces nowhere; it is drawn upright.
        direction: 3,
        visible: vec![true; width * height],
    };
    Drawing { tiles: Some(tiles), ..Drawing::default() }
}

/// The table and the state of the row that a script plays.
fn look<'a>(view: &ScriptView<'a>) -> Option<(&'a Table, u32)> {
    let state = row_state::<TableState>(view.world, view.row)?;
    Some((view.world.get_resource::<Table>()?, state.0))
}

/// Follows the exact optimum of success.
fn succeed(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some((table, state)) = look(view) {
        action[0] = table.success_action(state) as f32;
    }
}
