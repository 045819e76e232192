//! A cube and a goal for it: what `Push` and `PickPlace` share.

use bevy_ecs::prelude::*;
use carrot_physics::{Bench, BodyId, CubeSpec, PhysicsError, PhysicsRow, WatchId};
use carrot_sim::{
    ActiveRows, App, BatchApp, Column, ColumnMut, GoalSpec, KeyedRng, RowKeys, SignalSpec, Signals, Stream,
    edit_row_state,
};

use super::goal::{Goal, add_goal, judge_by_goal};
use super::manipulator::Manipulator;
use super::signals::{GoalSignals, TOOL, ThingSignals, ToolSignals};
use super::tabletop::{Observed, Tabletop};

/// Distance within which the goal counts as reached, m; that of Fetch.
pub const TOLERANCE: f32 = 0.05;
/// Half the cube's edge, m.
pub const HALF: f32 = 0.025;
/// Cube and goal lie on the table in a square of this half edge around its middle, m; that of Fetch.
pub const PLACES: f32 = 0.15;
/// Neither the cube is laid nearer to the tool nor the goal nearer to the cube than this, m.
pub const LEAST_DISTANCE: f32 = 0.1;

/// Signals of the cube.
pub const CUBE: ThingSignals = ThingSignals::new("cube", ToolSignals::END);
/// Signals of the goal: the cube within [`TOLERANCE`] of it.
pub const GOAL: GoalSignals = GoalSignals::new(
    GoalSpec {
        achieved: "achieved_goal",
        desired: "desired_goal",
        tolerance: TOLERANCE,
        goal: "goal_position",
        offset: "cube_to_goal",
        distance: "goal_distance",
    },
    CUBE.end(),
    3,
);

/// The cube's handles, the same for every row.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Cube {
    /// The cube.
    pub body: BodyId,
    /// Contacts of the manipulator with it.
    pub contact: WatchId,
}

/// Draws a goal for a cube that lies at a place.
pub type DrawGoal = fn(cube: [f32; 3], &mut KeyedRng) -> [f32; 3];

#[derive(Resource, Clone, Copy)]
struct Goals(DrawGoal);

impl Cube {
    /// Lays a cube on the table and watches the manipulator's contacts with it.
    ///
    /// # Errors
    /// Where the scene cannot be built.
    pub fn add_to(bench: &mut Bench, manipulator: &Manipulator) -> Result<Self, PhysicsError> {
        let solid = bench.cube("cube", CubeSpec::default(), [PLACES, 0.0])?;
        let contact = bench.scene.watch("tool_cube", manipulator.parts(), &solid.colliders)?;
        Ok(Self { body: solid.body, contact })
    }
}

/// The signals of tool, cube, goal and, behind them, of an arm's joints.
pub fn signals(manipulator: &Manipulator) -> Vec<SignalSpec> {
    let bounds = manipulator.bounds();
    let far = bounds.range.1.max(-bounds.range.0);
    let goal = GOAL.specs("cube", (-1.1, 1.1));
    [TOOL.specs_within(bounds), CUBE.specs_from(far), goal, manipulator.joint_signals()].concat()
}

/// Adds everything that a task with a cube and a goal does.
pub fn install(
    app: &mut App,
    tabletop: &Tabletop,
    cube: Cube,
    signals: &[SignalSpec],
    observed: Observed,
    goals: DrawGoal,
) {
    tabletop.install(app, signals, observed, measure);
    add_goal(app);
    judge_by_goal(app, GOAL, 0.1);
    app.insert_resource(cube).insert_resource(Goals(goals)).add_restart_systems(restart).add_handle(
        "cube_position",
        "Middle of the cube, m; it comes to rest there.",
        3,
        |world, row, to| {
            let (body, to) = (world.resource::<Cube>().body, [to[0], to[1], to[2]]);
            edit_row_state(world, row, |physics: &mut PhysicsRow| physics.place(body, to, UPRIGHT));
        },
    );
}

/// No rotation.
pub const UPRIGHT: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// A place on the table at least a distance away from a point, both coordinates within [`PLACES`].
pub fn draw_place(rng: &mut KeyedRng, height: f32, from: [f32; 3], least_distance: f32) -> [f32; 3] {
    let mut place = [0.0; 3];
    // At most half of the square is too near; what is left after 32 misses is one in billions, and lies nearer.
    for _ in 0..32 {
        place = [rng.uniform(-PLACES, PLACES), rng.uniform(-PLACES, PLACES), height];
        if carrot_sim::goal::distance(&place[..2], &from[..2]) >= least_distance {
            break;
        }
    }
    place
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    manipulator: Res<Manipulator>,
    cube: Res<Cube>,
    draw_goal: Res<Goals>,
    mut goals: ColumnMut<Goal>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (goals, physics, keys) = (goals.slice_mut(), physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let mut rng = keys.key(row).rng(Stream::Reset);
        let place = draw_place(&mut rng, HALF, physics[row].site(manipulator.tool()), LEAST_DISTANCE);
        physics[row].place(cube.body, place, UPRIGHT);
        goals[row] = Goal((draw_goal.0)(place, &mut rng));
    });
}

fn measure(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    cube: Res<Cube>,
    goals: Column<Goal>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (goals, physics, tool) = (goals.slice(), physics.slice(), manipulator.tool());
    rows.each(|row| {
        let physics = &physics[row];
        CUBE.measure(&mut signals, row, physics, cube.body, physics.site(tool), cube.contact);
        GOAL.measure(&mut signals, row, &physics.position(cube.body), &goals[row].0);
    });
}
