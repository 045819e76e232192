//! The gridworlds against MiniGrid's own episodes and views.

use carrot_sim::{Intervention, VecEnv};
use carrot_tasks::gridworld::cell::Cell;
use carrot_tasks::gridworld::dynamic_obstacles::{self, OBSTACLES, Obstacles, step_row};
use carrot_tasks::gridworld::grid::{Agent, Grid, act};
use carrot_tasks::gridworld::view::{VIEW_BYTES, encode};
use carrot_tasks::gridworld::{
    door_key, empty, four_rooms, key_corridor, lava_crossing, lava_gap, multi_room, unlock,
};

use crate::batch::env;
use crate::fixtures::Unpacked;

fn grid_of<const W: usize, const H: usize>(codes: &[u8]) -> Grid<W, H> {
    let mut grid = Grid::room();
    let (codes, _) = codes.as_chunks::<3>();
    for (cell, &code) in grid.cells.as_flattened_mut().iter_mut().zip(codes) {
        *cell = Cell::from_code(code);
    }
    grid
}

fn codes_of<const W: usize, const H: usize>(grid: &Grid<W, H>) -> Vec<u8> {
    grid.cells.as_flattened().iter().flat_map(|cell| cell.code()).collect()
}

fn agent_of(code: &[u8]) -> Agent {
    Agent::at(code[0], code[1], code[2])
}

fn image<const W: usize, const H: usize>(
    grid: &Grid<W, H>,
    agent: &Agent,
    see_through: bool,
) -> [u8; VIEW_BYTES] {
    let mut image = [0; VIEW_BYTES];
    encode(grid, agent, see_through, &mut image);
    image
}

/// A file of recorded episodes of a task with `W` by `H` tiles.
struct Recorded<const W: usize, const H: usize> {
    observations: Vec<u8>,
    steps: Vec<usize>,
    agent: Vec<u8>,
    grid: Vec<u8>,
    observation: Vec<usize>,
    obstacles: Vec<u8>,
    step_action: Vec<u8>,
    step_agent: Vec<u8>,
    step_observation: Vec<usize>,
    step_reward: Vec<f32>,
    step_terminated: Vec<u8>,
    step_truncated: Vec<u8>,
    step_obstacles: Vec<u8>,
    final_grid: Vec<u8>,
    max_steps: usize,
}

impl<const W: usize, const H: usize> Recorded<W, H> {
    fn open(name: &str, obstacles: usize) -> Self {
        let mut file = Unpacked::open(name);
        let header = file.u32(7);
        let [episodes, steps, images, width, height, view, max_steps] = header[..] else { panic!("header") };
        assert_eq!((width, height, view), (W, H, 7));
        let observations = file.u8(images * VIEW_BYTES);
        file.u32(episodes);
        let recorded = Self {
            observations,
            steps: file.u16(episodes),
            agent: file.u8(episodes * 3),
            grid: file.u8(episodes * 3 * W * H),
            observation: file.u16(episodes),
            obstacles: file.u8(episodes * 2 * obstacles),
            step_action: file.u8(steps),
            step_agent: file.u8(steps * 3),
            step_observation: file.u16(steps),
            step_reward: file.f32(steps),
            step_terminated: file.u8(steps),
            step_truncated: file.u8(steps),
            step_obstacles: file.u8(steps * 2 * obstacles),
            final_grid: file.u8(episodes * 3 * W * H),
            max_steps,
        };
        assert!(file.is_empty());
        recorded
    }

    fn image(&self, index: usize) -> &[u8] {
        &self.observations[index * VIEW_BYTES..][..VIEW_BYTES]
    }

    /// Index of each episode's first step.
    fn firsts(&self) -> Vec<usize> {
        self.steps.iter().scan(0, |at, &n| Some(std::mem::replace(at, *at + n))).collect()
    }

    fn codes(&self, episode: usize) -> &[u8] {
        &self.grid[episode * 3 * W * H..][..3 * W * H]
    }

    fn start(&self, episode: usize) -> (Grid<W, H>, Agent) {
        (grid_of(self.codes(episode)), agent_of(&self.agent[episode * 3..][..3]))
    }
}

#[test]
fn views_of_random_layouts_are_identical() {
    let mut file = Unpacked::open("minigrid_layout_views.bin.z");
    let header = file.u32(4);
    let (grids, agents) = (file.u8(header[0] * 192), file.u8(header[0] * 3));
    let images = file.u8(header[0] * VIEW_BYTES);
    assert!(file.is_empty() && header[0] == 2000);
    for i in 0..header[0] {
        let (grid, agent) = (grid_of::<8, 8>(&grids[i * 192..][..192]), agent_of(&agents[i * 3..][..3]));
        assert_eq!(image(&grid, &agent, false), images[i * VIEW_BYTES..][..VIEW_BYTES], "layout {i}");
    }
}

#[test]
fn episodes_on_random_layouts_are_identical() {
    let recorded = Recorded::<8, 8>::open("minigrid_layout_episodes.bin.z", 0);
    let mut handled = 0;
    for (e, first) in recorded.firsts().into_iter().enumerate() {
        let (mut grid, mut agent) = recorded.start(e);
        assert_eq!(image(&grid, &agent, false), recorded.image(recorded.observation[e]));
        for t in first..first + recorded.steps[e] {
            let before = grid;
            act(&mut grid, &mut agent, recorded.step_action[t]);
            handled += usize::from(before != grid);
            assert_eq!([agent.x, agent.y, agent.direction], recorded.step_agent[t * 3..][..3], "step {t}");
            assert_eq!(image(&grid, &agent, false), recorded.image(recorded.step_observation[t]), "step {t}");
            let at_goal = grid.get(agent.x.into(), agent.y.into()) == Cell::GOAL;
            assert_eq!(at_goal, recorded.step_terminated[t] != 0, "step {t}");
        }
        assert_eq!(codes_of(&grid), recorded.final_grid[e * 192..][..192], "episode {e}");
    }
    assert!(handled > 200, "{handled} steps changed a grid");
}

/// Plays the recorded episodes, one per row, and compares observations, rewards and ends.
fn compare<const W: usize, const H: usize>(task: &str, file: &str, see_through: bool) {
    let recorded = Recorded::<W, H>::open(file, 0);
    let firsts = recorded.firsts();
    let (n, most) = (firsts.len(), *recorded.steps.iter().max().unwrap());
    let mut env = env(task, n, most);
    assert!(n >= 100);
    assert_eq!((most, most as u32), (recorded.max_steps, env.task().spec().max_steps), "{task}");
    for e in 0..n {
        let (grid, agent) = recorded.start(e);
        assert_eq!(image(&grid, &agent, see_through), recorded.image(recorded.observation[e]), "{task} {e}");
        place(&mut env, e, &[recorded.codes(e), &recorded.agent[e * 3..][..3]].concat());
    }
    let bonus = env.catalog().find("time_bonus").unwrap().0;
    let (mut successes, mut failures) = (0, 0);
    for t in 0..most {
        let live = |e: usize| t < recorded.steps[e];
        let actions: Vec<f32> =
            (0..n).map(|e| if live(e) { recorded.step_action[firsts[e] + t].into() } else { 6.0 }).collect();
        env.step(&actions).unwrap();
        let rollout = env.rollout();
        let signals = rollout.signals_now(t).unwrap();
        for e in (0..n).filter(|&e| live(e)) {
            let (step, cell) = (firsts[e] + t, t * n + e);
            let (terminated, truncated) = (rollout.terminated[cell], rollout.truncated[cell]);
            assert_eq!(terminated, recorded.step_terminated[step] != 0, "{task} {e}, step {t}");
            assert_eq!(truncated, recorded.step_truncated[step] != 0, "{task} {e}, step {t}");
            let success = rollout.success[cell];
            let reward = if success { signals.get(bonus, 0)[e] } else { 0.0 };
            assert_eq!(reward, recorded.step_reward[step], "{task} {e}, step {t}");
            assert_eq!(rollout.score[cell], reward);
            successes += usize::from(success);
            failures += usize::from((terminated | truncated) & !success);
            let (images, directions, at) = match rollout.end_at(t, e) {
                Some(end) => (rollout.final_obs[0].u8(), rollout.final_obs[1].u8(), end),
                None => (rollout.obs[0].u8(), rollout.obs[1].u8(), (t + 1) * n + e),
            };
            let image = recorded.image(recorded.step_observation[step]);
            assert_eq!(images[at * VIEW_BYTES..][..VIEW_BYTES], *image, "{task} {e}, step {t}");
            assert_eq!(directions[at], recorded.step_agent[step * 3 + 2], "{task} {e}, step {t}");
        }
    }
    assert!(successes >= 30 && failures >= 1, "{task}: {successes} successes, {failures} failures");
}

/// Gives a row a recorded layout.
fn place(env: &mut VecEnv, row: usize, layout: &[u8]) {
    let values = layout.iter().map(|&number| number.into()).collect();
    env.intervene(Intervention { row, handle: "layout".into(), values }).unwrap();
}

#[test]
fn empty_episodes_are_identical() {
    compare::<8, 8>(empty::NAME, "minigrid_empty_8x8.bin.z", true);
}

#[test]
fn door_key_episodes_are_identical() {
    compare::<8, 8>(door_key::NAME_8X8, "minigrid_door_key_8x8.bin.z", false);
    compare::<16, 16>(door_key::NAME_16X16, "minigrid_door_key_16x16.bin.z", false);
}

#[test]
fn four_rooms_episodes_are_identical() {
    compare::<19, 19>(four_rooms::NAME, "minigrid_four_rooms.bin.z", false);
}

#[test]
fn lava_episodes_are_identical() {
    compare::<7, 7>(lava_gap::NAME, "minigrid_lava_gap.bin.z", false);
    compare::<9, 9>(lava_crossing::NAME, "minigrid_lava_crossing.bin.z", false);
}

#[test]
fn multi_room_episodes_are_identical() {
    compare::<25, 25>(multi_room::NAME, "minigrid_multi_room.bin.z", false);
}

#[test]
fn unlock_episodes_are_identical() {
    compare::<{ unlock::WIDTH }, { unlock::HEIGHT }>(unlock::NAME, "minigrid_unlock.bin.z", false);
}

#[test]
fn key_corridor_episodes_are_identical() {
    compare::<7, 7>(key_corridor::NAME, "minigrid_key_corridor.bin.z", false);
}

#[test]
fn dynamic_obstacles_obey_the_same_rules() {
    const N: usize = dynamic_obstacles::SIZE;
    let recorded = Recorded::<N, N>::open("minigrid_dynamic_obstacles.bin.z", OBSTACLES);
    assert_eq!(recorded.max_steps, dynamic_obstacles::MAX_STEPS as usize);
    let tiles = |bytes: &[u8]| Obstacles(std::array::from_fn(|i| [bytes[2 * i], bytes[2 * i + 1]]));
    let (mut reached, mut collided, mut truncated) = (0, 0, 0);
    for (e, first) in recorded.firsts().into_iter().enumerate() {
        let (mut grid, mut agent) = recorded.start(e);
        let mut obstacles = tiles(&recorded.obstacles[e * 2 * OBSTACLES..]);
        assert_eq!(image(&grid, &agent, true), recorded.image(recorded.observation[e]));
        for (taken, t) in (first..first + recorded.steps[e]).enumerate() {
            let moved = tiles(&recorded.step_obstacles[t * 2 * OBSTACLES..]);
            let choose = |ball: usize, free: &[[u8; 2]]| {
                assert!(free.contains(&moved.0[ball]), "step {t}: {:?} is not among {free:?}", moved.0[ball]);
                moved.0[ball]
            };
            let hit = step_row(&mut grid, &mut agent, &mut obstacles, recorded.step_action[t], choose);
            assert_eq!(obstacles, moved, "step {t}");
            assert_eq!([agent.x, agent.y, agent.direction], recorded.step_agent[t * 3..][..3], "step {t}");
            assert_eq!(image(&grid, &agent, true), recorded.image(recorded.step_observation[t]), "step {t}");
            let at_goal = grid.get(agent.x.into(), agent.y.into()) == Cell::GOAL;
            assert_eq!(at_goal | hit, recorded.step_terminated[t] != 0, "step {t}");
            let bonus = (1.0 - 0.9 * ((taken + 1) as f64 / recorded.max_steps as f64)) as f32;
            let reward = if at_goal { bonus } else { 0.0 } - f32::from(u8::from(hit));
            assert_eq!(reward, recorded.step_reward[t], "step {t}");
            reached += usize::from(at_goal);
            collided += usize::from(hit);
            truncated += usize::from(recorded.step_truncated[t] != 0);
        }
        assert_eq!(codes_of(&grid), recorded.final_grid[e * 3 * N * N..][..3 * N * N], "episode {e}");
    }
    assert!(reached >= 30 && collided >= 30 && truncated >= 1, "{reached} {collided} {truncated}");
}
