//! Planning for scripts: the first action of a shortest way over the tiles as they are.

use carrot_sim::{ScriptView, row_state};

use super::cell::{Cell, door, object};
use super::grid::{AHEAD, Agent, Grid, action};
use super::layout::Landmarks;

/// A row as a script sees it: everything.
pub(super) struct Sight<'a, const W: usize, const H: usize> {
    pub(super) grid: &'a Grid<W, H>,
    pub(super) agent: &'a Agent,
    pub(super) marks: &'a Landmarks,
}

impl<'a, const W: usize, const H: usize> Sight<'a, W, H> {
    /// The row of a view; none when the view is of another task.
    pub(super) fn new(view: &ScriptView<'a>) -> Option<Self> {
        let (world, row) = (view.world, view.row);
        let (grid, agent) = (row_state(world, row)?, row_state(world, row)?);
        Some(Self { grid, agent, marks: row_state(world, row)? })
    }

    /// The cell ahead of the agent.
    pub(super) fn ahead(&self) -> Cell {
        let (x, y) = self.agent.ahead();
        self.grid.get(x, y)
    }

    /// A step on a shortest way onto a tile; waits when there is none, or when there already.
    pub(super) fn toward(&self, tile: [u8; 2]) -> u8 {
        self.walk(|agent| [agent.x, agent.y] == tile)
    }

    /// A step on a shortest way to face a tile, and `then` what is to be done there.
    pub(super) fn at(&self, tile: [u8; 2], then: u8) -> u8 {
        let faces = |agent: &Agent| agent.ahead() == (tile[0].into(), tile[1].into());
        if faces(self.agent) { then } else { self.walk(faces) }
    }

    /// What is next on the way to the key, to the locked door, and through it: nothing once it is unlocked.
    pub(super) fn unlock(&self) -> Option<u8> {
        let [x, y] = self.marks.door;
        if self.grid.get(x.into(), y.into()).state() != door::LOCKED {
            None
        } else if self.agent.carried.object() == object::KEY {
            Some(self.at(self.marks.door, action::TOGGLE))
        } else {
            Some(self.at(self.marks.key, action::PICKUP))
        }
    }

    /// The first action of a shortest way to where `arrived` holds: closed doors cost the action that opens
    /// them, lava and things are walked around.
    fn walk(&self, arrived: impl Fn(&Agent) -> bool) -> u8 {
        if arrived(self.agent) {
            return action::WAIT;
        }
        // Breadth first, with a bucket of poses for each number of actions; `came[pose]` is the first action
        // of the way that led there.
        let pose = |agent: &Agent| {
            (usize::from(agent.x) * H + usize::from(agent.y)) * 4 + usize::from(agent.direction)
        };
        let mut came = vec![None; W * H * 4];
        let mut buckets = vec![vec![(*self.agent, None)]];
        let mut cost = 0;
        while cost < buckets.len() {
            for (agent, first) in std::mem::take(&mut buckets[cost]) {
                if came[pose(&agent)].is_some() {
                    continue;
                }
                if let Some(first) = first.filter(|_| arrived(&agent)) {
                    return first;
                }
                came[pose(&agent)] = Some(first);
                let mut reach = |actions: usize, next: Agent, action: u8| {
                    if buckets.len() <= cost + actions {
                        buckets.resize_with(cost + actions + 1, Vec::new);
                    }
                    buckets[cost + actions].push((next, Some(first.unwrap_or(action))));
                };
                for (turn, by) in [(action::LEFT, 3), (action::RIGHT, 1)] {
                    reach(1, Agent { direction: (agent.direction + by) & 3, ..agent }, turn);
                }
                let (x, y) = agent.ahead();
                let cell = self.grid.get(x, y);
                let next = Agent { x: x as u8, y: y as u8, ..agent };
                if cell.can_enter() && cell != Cell::LAVA {
                    reach(1, next, action::FORWARD);
                } else if cell.object() == object::DOOR && cell.state() == door::CLOSED {
                    reach(2, next, action::TOGGLE);
                }
            }
            cost += 1;
        }
        action::WAIT
    }
}

/// Walks onto the goal.
pub(super) fn walk_to_goal<const W: usize, const H: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some(sight) = Sight::<W, H>::new(view) {
        action[0] = sight.toward(sight.marks.goal).into();
    }
}

/// Walks up to the goal and waits beside it.
pub(super) fn hover_beside_goal<const W: usize, const H: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some(sight) = Sight::<W, H>::new(view) {
        let beside = AHEAD.iter().any(|(dx, dy)| {
            let tile = (i32::from(sight.agent.x) + dx, i32::from(sight.agent.y) + dy);
            tile == (sight.marks.goal[0].into(), sight.marks.goal[1].into())
        });
        action[0] = if beside { action::WAIT } else { sight.toward(sight.marks.goal) }.into();
    }
}
