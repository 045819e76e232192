//! `Taxi-v3`: pick a passenger up and drop them off where they want to go.
//!
//! # Source
//! Gymnasium 1.4.0, `envs/toy_text/taxi.py`, dry and without fickle passengers (there `Taxi-v4`, whose defaults have
//! the table of `Taxi-v3`), after T. Dietterich, "Hierarchical Reinforcement Learning with the MAXQ Value Function
//! Decomposition" (2000): transitions, rewards and ends are identical.

use std::collections::VecDeque;
use std::sync::LazyLock;

use carrot_sim::mdp::Ending;
use carrot_sim::{CAUSE_TASK, DefaultReward, Script, ScriptView, SignalKind, SignalSpec};

use super::super::cell::{Cell, color, object};
use super::super::rewards::four_rewards;
use super::{Board, Score, Sheet, TableTask, look, succeed};

/// Name of the task.
pub const NAME: &str = "Taxi-v3";
/// Tiles on a side.
pub const SIZE: usize = 5;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 200;

/// Tiles (column, row) where passengers wait and get off: red, green, yellow, blue.
const STOPS: [(usize, usize); 4] = [(0, 0), (4, 0), (0, 4), (3, 4)];
/// Number of a passenger in the taxi.
const RIDING: usize = 4;
/// Columns with a wall on their right, in each row.
const WALLS: [&[usize]; SIZE] = [&[1], &[1], &[], &[0, 2], &[0, 2]];
/// Number of a tile on a side times columns and rows.
const TILES: usize = SIZE * SIZE;

const PASSENGER: usize = 2;
const DESTINATION: usize = 3;
const PASSENGER_DISTANCE: usize = 4;
const PICK_UP: u8 = 4;
const DROP_OFF: u8 = 5;

/// What the last step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Deed {
    Drove,
    Refused,
    Delivered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ride {
    x: usize,
    y: usize,
    passenger: usize,
    destination: usize,
    deed: Deed,
}

/// The task.
pub fn task() -> TableTask {
    let (side, far) = (SIZE as f32 - 1.0, TILES as f32);
    let stop = |name, range, text| SignalSpec::new(name, SignalKind::Category, "", range, text);
    TableTask::new(Sheet {
        name: NAME,
        about: "Pick a passenger up and drop them off where they want to go.",
        docs: include_str!("taxi.md"),
        actions: &["south", "north", "east", "west", "pick_up", "drop_off"],
        max_steps: MAX_STEPS,
        causes: &["delivered"],
        signals: vec![
            SignalSpec::scalar("agent_x", "tile", (0.0, side), "Column of the taxi, from the left."),
            SignalSpec::scalar("agent_y", "tile", (0.0, side), "Row of the taxi, from the top."),
            stop(
                "passenger",
                (0.0, 4.0),
                "Where the passenger is: 0 red, 1 green, 2 yellow, 3 blue, 4 in the taxi.",
            ),
            stop(
                "destination",
                (0.0, 3.0),
                "Where the passenger wants to go: 0 red, 1 green, 2 yellow, 3 blue.",
            ),
            SignalSpec::scalar(
                "passenger_distance",
                "tile",
                (0.0, far),
                "Tiles to drive to the passenger, around walls; 0 in the taxi.",
            ),
            SignalSpec::scalar(
                "path_length",
                "tile",
                (0.0, 2.0 * far),
                "Tiles to drive to the passenger and on to the destination, around walls.",
            ),
            SignalSpec::flag("passenger_in_taxi", "The passenger is in the taxi."),
            SignalSpec::flag("delivered", "The passenger was dropped off at the destination."),
            SignalSpec::flag(
                "refused",
                "The last step was a pick-up or a drop-off that is not possible there.",
            ),
        ],
        observation: ("state", &[(1, 4), (0, 4), (PASSENGER, 4), (DESTINATION, 3)]),
        score: Score::TimeBonus,
        roots: (0..TILES * 5 * 4).map(root).collect(),
        step: |ride, action, next| next.push((1.0, step(*ride, action))),
        ending: |ride| match ride.deed {
            Deed::Delivered => Ending { cause: CAUSE_TASK, success: true },
            _ => Ending::NONE,
        },
        measure,
        board: Board { width: SIZE as u8, height: SIZE as u8, agent: [0, 1], tile: tile_code },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

/// A state by Gymnasium's number, and the probability of starting in it.
fn root(number: usize) -> (Ride, f64) {
    let (destination, passenger, tile) = (number % 4, number / 4 % 5, number / 20);
    let starts = passenger != RIDING && passenger != destination;
    let ride = Ride { x: tile % SIZE, y: tile / SIZE, passenger, destination, deed: Deed::Drove };
    (ride, if starts { 1.0 / 300.0 } else { 0.0 })
}

fn step(ride: Ride, action: usize) -> Ride {
    let Ride { x, y, passenger, destination, .. } = ride;
    let here = STOPS.iter().position(|stop| *stop == (x, y));
    let ride = Ride { deed: Deed::Drove, ..ride };
    let refused = Ride { deed: Deed::Refused, ..ride };
    match action {
        0..=3 => {
            let (x, y) = drive((x, y), action);
            Ride { x, y, ..ride }
        }
        4 if here == Some(passenger) => Ride { passenger: RIDING, ..ride },
        5 if passenger == RIDING => match here {
            None => refused,
            Some(stop) if stop == destination => Ride { passenger: stop, deed: Deed::Delivered, ..ride },
            Some(stop) => Ride { passenger: stop, ..ride },
        },
        _ => refused,
    }
}

/// The tile that driving south, north, east or west leads to.
fn drive((x, y): (usize, usize), action: usize) -> (usize, usize) {
    match action {
        0 => (x, (y + 1).min(SIZE - 1)),
        1 => (x, y.saturating_sub(1)),
        2 if x + 1 < SIZE && !WALLS[y].contains(&x) => (x + 1, y),
        3 if x > 0 && !WALLS[y].contains(&(x - 1)) => (x - 1, y),
        _ => (x, y),
    }
}

/// Tiles to drive from each tile to each stop.
static DISTANCES: LazyLock<[[usize; TILES]; 4]> = LazyLock::new(|| {
    STOPS.map(|stop| {
        let mut distances = [usize::MAX; TILES];
        distances[stop.1 * SIZE + stop.0] = 0;
        let mut frontier = VecDeque::from([stop]);
        while let Some((x, y)) = frontier.pop_front() {
            // Whatever way leads there leads back.
            for (nx, ny) in (0..4).map(|action| drive((x, y), action)) {
                if distances[ny * SIZE + nx] == usize::MAX {
                    distances[ny * SIZE + nx] = distances[y * SIZE + x] + 1;
                    frontier.push_back((nx, ny));
                }
            }
        }
        distances
    })
});

fn measure(ride: &Ride) -> Vec<f32> {
    let Ride { x, y, passenger, destination, deed } = *ride;
    let distance = |stop: usize, (x, y): (usize, usize)| DISTANCES[stop][y * SIZE + x];
    let riding = passenger == RIDING;
    let to_passenger = if riding { 0 } else { distance(passenger, (x, y)) };
    let path = match deed {
        Deed::Delivered => 0,
        _ if riding => distance(destination, (x, y)),
        _ => to_passenger + distance(destination, STOPS[passenger]),
    };
    let numbers = [x, y, passenger, destination, to_passenger, path].map(|n| n as f32);
    let flags =
        [riding, deed == Deed::Delivered, deed == Deed::Refused].map(|flag| f32::from(u8::from(flag)));
    [numbers.as_slice(), &flags].concat()
}

fn tile_code(signal: &dyn Fn(usize) -> f32, x: u8, y: u8) -> [u8; 3] {
    let colors = [color::RED, color::GREEN, color::YELLOW, color::BLUE];
    let here = STOPS.iter().position(|stop| *stop == (usize::from(x), usize::from(y)));
    match here {
        Some(stop) if signal(PASSENGER) == stop as f32 => [object::BALL, colors[stop], 0],
        Some(stop) if signal(DESTINATION) == stop as f32 => [object::GOAL, colors[stop], 0],
        Some(stop) => [object::FLOOR, colors[stop], 0],
        None => Cell::EMPTY.code(),
    }
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Drives a shortest way to the passenger and to the destination.",
        act: succeed,
    },
    Script {
        name: "pick_up_and_drop",
        about: "Lets the passenger get in and out where they are, until the step limit.",
        act: pick_up_and_drop,
    },
];

fn pick_up_and_drop(view: &ScriptView<'_>, action: &mut [f32]) {
    let Some((table, state)) = look(view) else { return };
    let riding = table.mdp().column(PASSENGER)[state as usize] == RIDING as f32;
    let drive = || table.lowering_action(state, PASSENGER_DISTANCE).filter(|&action| action < PICK_UP.into());
    action[0] = if riding { DROP_OFF.into() } else { drive().map_or(PICK_UP.into(), |action| action as f32) };
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "Gymnasium's reward: -1 for every step, -10 for one that is refused, +20 for the delivery.",
    r#"    (name: "time_penalty", kind: TimePenalty()),
    (name: "refused", kind: Threshold(signal: "refused", above: 0.5), weight: -9.0),
    (name: "delivered", kind: Event(signal: "delivered"), weight: 21.0),"#,
    shaped: "Gymnasium's reward and a potential that rises on the way to the passenger and to the destination.",
    r#"    (
        name: "path_potential",
        kind: Distance(signal: "path_length"),
        weight: -1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every time the passenger gets in: they can get out where they got in.",
    r#"    (name: "picked_up", kind: Event(signal: "passenger_in_taxi"), weight: 5.0),"#,
    farmed_by "pick_up_and_drop",
    mixed: "All of them: Gymnasium's reward, the potential and the pay for picking up.",
};
