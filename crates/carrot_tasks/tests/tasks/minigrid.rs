//! The gridworld against MiniGrid's own episodes and views.

use carrot_tasks::gridworld::empty;
use carrot_tasks::gridworld::grid::{Agent, Cell, Grid, act};
use carrot_tasks::gridworld::view::{VIEW_BYTES, encode};

use crate::batch::env;
use crate::fixtures::Unpacked;

type Grid8 = Grid<8, 8>;

fn grid_of(codes: &[u8]) -> Grid8 {
    let mut grid = Grid8::room();
    let (codes, _) = codes.as_chunks::<3>();
    for (cell, &[object, color, state]) in grid.cells.as_flattened_mut().iter_mut().zip(codes) {
        *cell = Cell { object, color, state, contents: 0 };
    }
    grid
}

fn codes_of(grid: &Grid8) -> Vec<u8> {
    grid.cells.as_flattened().iter().flat_map(|cell| cell.code()).collect()
}

fn agent_of(code: &[u8]) -> Agent {
    Agent::at(code[0], code[1], code[2])
}

fn image(grid: &Grid8, agent: &Agent, see_through: bool) -> [u8; VIEW_BYTES] {
    let mut image = [0; VIEW_BYTES];
    encode(grid, agent, see_through, &mut image);
    image
}

/// A file of recorded episodes.
struct Recorded {
    observations: Vec<u8>,
    steps: Vec<usize>,
    agent: Vec<u8>,
    grid: Vec<u8>,
    observation: Vec<usize>,
    step_action: Vec<u8>,
    step_agent: Vec<u8>,
    step_observation: Vec<usize>,
    step_reward: Vec<f32>,
    step_terminated: Vec<u8>,
    step_truncated: Vec<u8>,
    final_grid: Vec<u8>,
}

impl Recorded {
    fn open(name: &str) -> Self {
        let mut file = Unpacked::open(name);
        let header = file.u32(7);
        let [episodes, steps, images, width, height, view, _] = header[..] else { panic!("header") };
        assert_eq!((width, height, view), (8, 8, 7));
        let observations = file.u8(images * VIEW_BYTES);
        file.u32(episodes);
        let recorded = Self {
            observations,
            steps: file.u16(episodes),
            agent: file.u8(episodes * 3),
            grid: file.u8(episodes * 192),
            observation: file.u16(episodes),
            step_action: file.u8(steps),
            step_agent: file.u8(steps * 3),
            step_observation: file.u16(steps),
            step_reward: file.f32(steps),
            step_terminated: file.u8(steps),
            step_truncated: file.u8(steps),
            final_grid: file.u8(episodes * 192),
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
}

#[test]
fn views_of_random_layouts_are_identical() {
    let mut file = Unpacked::open("minigrid_layout_views.bin.z");
    let header = file.u32(4);
    let (grids, agents) = (file.u8(header[0] * 192), file.u8(header[0] * 3));
    let images = file.u8(header[0] * VIEW_BYTES);
    assert!(file.is_empty() && header[0] == 2000);
    for i in 0..header[0] {
        let (grid, agent) = (grid_of(&grids[i * 192..][..192]), agent_of(&agents[i * 3..][..3]));
        assert_eq!(image(&grid, &agent, false), images[i * VIEW_BYTES..][..VIEW_BYTES], "layout {i}");
    }
}

#[test]
fn episodes_on_random_layouts_are_identical() {
    let recorded = Recorded::open("minigrid_layout_episodes.bin.z");
    let mut handled = 0;
    for (e, first) in recorded.firsts().into_iter().enumerate() {
        let mut grid = grid_of(&recorded.grid[e * 192..][..192]);
        let mut agent = agent_of(&recorded.agent[e * 3..][..3]);
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

#[test]
fn empty_episodes_are_identical_in_observations_rewards_and_ends() {
    let recorded = Recorded::open("minigrid_empty_8x8.bin.z");
    let firsts = recorded.firsts();
    let (n, most) = (firsts.len(), *recorded.steps.iter().max().unwrap());
    assert_eq!((n, most), (200, 256));
    let mut env = env(empty::NAME, n, most);
    let bonus = env.catalog().find("time_bonus").unwrap().0;
    let at_goal = env.catalog().find("at_goal").unwrap().0;
    for e in 0..n {
        assert_eq!(
            env.rollout().obs[0].u8()[e * VIEW_BYTES..][..VIEW_BYTES],
            *recorded.image(recorded.observation[e])
        );
        assert_eq!(env.rollout().obs[1].u8()[e], recorded.agent[e * 3 + 2]);
    }
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
            assert_eq!(terminated, recorded.step_terminated[step] != 0, "episode {e}, step {t}");
            assert_eq!(truncated, recorded.step_truncated[step] != 0, "episode {e}, step {t}");
            let reward = signals.get(at_goal, 0)[e] * signals.get(bonus, 0)[e];
            assert_eq!(reward, recorded.step_reward[step], "episode {e}, step {t}");
            assert_eq!(rollout.score[cell], reward);
            let (images, directions, at) = match rollout.end_at(t, e) {
                Some(end) => (rollout.final_obs[0].u8(), rollout.final_obs[1].u8(), end),
                None => (rollout.obs[0].u8(), rollout.obs[1].u8(), (t + 1) * n + e),
            };
            let image = recorded.image(recorded.step_observation[step]);
            assert_eq!(images[at * VIEW_BYTES..][..VIEW_BYTES], *image, "episode {e}, step {t}");
            assert_eq!(directions[at], recorded.step_agent[step * 3 + 2], "episode {e}, step {t}");
        }
    }
}
