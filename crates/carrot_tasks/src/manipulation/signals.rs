//! Blocks of signals that tasks over a table share: the tool first, then things, then the goal.

use carrot_physics::{BodyId, PhysicsRow, WatchId};
use carrot_sim::goal::distance;
use carrot_sim::{GoalSpec, SignalId, SignalKind, SignalSpec, Signals};

use super::manipulator::{Manipulator, ToolBounds};

/// Writes a signal of one row.
#[inline]
pub fn write(signals: &mut Signals, first: usize, row: usize, values: &[f32]) {
    for (axis, &value) in values.iter().enumerate() {
        signals.target(SignalId(first), axis)[row] = value;
    }
}

/// 1 for true.
pub fn flag(is_set: bool) -> f32 {
    f32::from(u8::from(is_set))
}

/// From `a` to `b`.
pub fn offset(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| b[i] - a[i])
}

/// Length of a vector.
pub fn norm(v: [f32; 3]) -> f32 {
    distance(&[0.0; 3], &v)
}

fn vec3(name: &str, unit: &str, range: (f32, f32), about: &str) -> SignalSpec {
    SignalSpec::new(name, SignalKind::Vec3, unit, range, about)
}

/// The signals of the tool: `tool_position`, `tool_velocity`, `tool_speed`, `finger_opening`, `table_contact`.
#[derive(Debug, Clone, Copy)]
pub struct ToolSignals(());

/// The tool comes first in every task.
pub const TOOL: ToolSignals = ToolSignals(());

impl ToolSignals {
    /// First column after the block.
    pub const END: usize = 9;

    /// What the signals are over the standard hand.
    pub fn specs(self) -> Vec<SignalSpec> {
        self.specs_within(ToolBounds::HAND)
    }

    /// What the signals are of a tool that keeps within bounds.
    pub fn specs_within(self, bounds: ToolBounds) -> Vec<SignalSpec> {
        let ToolBounds { range, speed, opening } = bounds;
        vec![
            vec3("tool_position", "m", range, "Point between the fingertips; the table's top is z = 0."),
            vec3("tool_velocity", "m/s", (-speed, speed), "Velocity of that point."),
            SignalSpec::scalar("tool_speed", "m/s", (0.0, 1.74 * speed), "Speed of the tool."),
            SignalSpec::scalar("finger_opening", "m", opening, "Distance between the fingers' inner faces."),
            SignalSpec::flag("table_contact", "The manipulator touched the table in this step."),
        ]
    }

    /// Measures one row.
    #[inline]
    pub fn measure(self, signals: &mut Signals, row: usize, physics: &PhysicsRow, manipulator: &Manipulator) {
        let tool = manipulator.tool();
        let velocity = physics.site_velocity(tool);
        write(signals, 0, row, &physics.site(tool));
        write(signals, 3, row, &velocity);
        let touching = flag(manipulator.touches_table(physics));
        write(signals, 6, row, &[norm(velocity), manipulator.opening(physics), touching]);
    }
}

/// The signals of a thing that moves freely, for `cube`: `cube_position`, `cube_rotation`, `cube_velocity`,
/// `cube_turning`, `tool_to_cube`, `tool_cube_distance`, `cube_speed`, `cube_contact`.
#[derive(Debug, Clone, Copy)]
pub struct ThingSignals {
    name: &'static str,
    first: usize,
}

impl ThingSignals {
    /// The block of a thing from a column on.
    pub const fn new(name: &'static str, first: usize) -> Self {
        Self { name, first }
    }

    /// First column after the block.
    pub const fn end(self) -> usize {
        self.first + 19
    }

    /// Where the thing is.
    pub const fn position(self) -> SignalId {
        SignalId(self.first)
    }

    /// How fast it moves.
    pub const fn speed(self) -> SignalId {
        SignalId(self.first + 17)
    }

    /// Whether the manipulator touches it.
    pub const fn contact(self) -> SignalId {
        SignalId(self.first + 18)
    }

    /// What the signals are beside the standard hand.
    pub fn specs(self) -> Vec<SignalSpec> {
        self.specs_from(0.5)
    }

    /// What the signals are beside a tool that comes so far from the table's middle along each axis (m).
    pub fn specs_from(self, far: f32) -> Vec<SignalSpec> {
        let name = self.name;
        let quat = SignalKind::Quat;
        vec![
            vec3(&format!("{name}_position"), "m", (-1.1, 1.1), &format!("Middle of the {name}.")),
            SignalSpec::new(
                &format!("{name}_rotation"),
                quat,
                "",
                (-1.0, 1.0),
                &format!("How the {name} is turned, with w of at least 0."),
            ),
            vec3(&format!("{name}_velocity"), "m/s", (-20.0, 20.0), &format!("Velocity of the {name}.")),
            vec3(
                &format!("{name}_turning"),
                "rad/s",
                (-500.0, 500.0),
                &format!("Angular velocity of the {name}."),
            ),
            vec3(
                &format!("tool_to_{name}"),
                "m",
                (-1.1 - far, 1.1 + far),
                &format!("From the tool to the {name}."),
            ),
            SignalSpec::scalar(
                &format!("tool_{name}_distance"),
                "m",
                (0.0, 1.74 * (1.1 + far)),
                &format!("Distance from the tool to the {name}."),
            ),
            SignalSpec::scalar(
                &format!("{name}_speed"),
                "m/s",
                (0.0, 30.0),
                &format!("Speed of the {name}."),
            ),
            SignalSpec::flag(
                &format!("{name}_contact"),
                &format!("The manipulator touches the {name} at the end of the step."),
            ),
        ]
    }

    /// Measures one row.
    #[inline]
    pub fn measure(
        self,
        signals: &mut Signals,
        row: usize,
        physics: &PhysicsRow,
        body: BodyId,
        tool: [f32; 3],
        contact: WatchId,
    ) {
        let (position, velocity) = (physics.position(body), physics.velocity(body));
        let to_thing = offset(tool, position);
        // A rotation has two quaternions; the one with w of at least 0 is taken.
        let turned = physics.rotation(body);
        let sign = if turned[3] < 0.0 { -1.0 } else { 1.0 };
        let mut put = |at: usize, values: &[f32]| write(signals, self.first + at, row, values);
        put(0, &position);
        put(3, &turned.map(|q| (sign * q).clamp(-1.0, 1.0)));
        put(7, &velocity);
        put(10, &physics.angular_velocity(body));
        put(13, &to_thing);
        put(16, &[norm(to_thing), norm(velocity), flag(physics.contact(contact).touching)]);
    }
}

/// The signals of a goal, of which a [`GoalSpec`] says the names: goal, offset, distance.
#[derive(Debug, Clone, Copy)]
pub struct GoalSignals {
    /// What reaching it means.
    pub spec: GoalSpec,
    first: usize,
    size: usize,
}

impl GoalSignals {
    /// A goal of `size` numbers, 1 or 3, from a column on.
    pub const fn new(spec: GoalSpec, first: usize, size: usize) -> Self {
        Self { spec, first, size }
    }

    /// Distance from what is the case to the goal.
    pub const fn distance(self) -> SignalId {
        SignalId(self.first + 2 * self.size)
    }

    /// What the signals are; `what` is that which has to come to the goal, both lie within `range`.
    pub fn specs(self, what: &str, range: (f32, f32)) -> Vec<SignalSpec> {
        let kind = if self.size == 1 { SignalKind::Scalar } else { SignalKind::Vec3 };
        let span = range.1 - range.0;
        let GoalSpec { goal, offset, distance, .. } = self.spec;
        vec![
            SignalSpec::new(goal, kind, "m", range, "The goal, fixed for the episode."),
            SignalSpec::new(offset, kind, "m", (-span, span), &format!("From the {what} to the goal.")),
            // Three axes make at most sqrt(3) of one.
            SignalSpec::scalar(
                distance,
                "m",
                (0.0, 1.74 * span),
                &format!("Distance from the {what} to the goal."),
            ),
        ]
    }

    /// Measures one row.
    #[inline]
    pub fn measure(self, signals: &mut Signals, row: usize, achieved: &[f32], goal: &[f32]) {
        write(signals, self.first, row, goal);
        for (axis, (is, wanted)) in achieved.iter().zip(goal).enumerate() {
            write(signals, self.first + self.size + axis, row, &[wanted - is]);
        }
        write(signals, self.distance().0, row, &[distance(achieved, goal)]);
    }
}
