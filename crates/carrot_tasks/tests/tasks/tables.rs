//! FrozenLake, CliffWalking and Taxi against Gymnasium's tables and episodes.

use carrot_sim::{Intervention, Mdp, RowKey};
use carrot_tasks::build_task;
use carrot_tasks::gridworld::tabular::{cliff_walking, frozen_lake, taxi};

use crate::batch::env;
use crate::fixtures::Unpacked;

/// What Gymnasium recorded of a task.
struct Recorded {
    actions: usize,
    /// Outcomes of each (state, action): probability, next state, reward, terminated.
    outcomes: Vec<Vec<(f64, usize, f32, bool)>>,
    start: Vec<usize>,
    steps: Vec<usize>,
    step_action: Vec<u8>,
    step_state: Vec<usize>,
    step_reward: Vec<f32>,
    step_terminated: Vec<u8>,
    step_truncated: Vec<u8>,
}

impl Recorded {
    fn open(name: &str) -> Self {
        let mut file = Unpacked::open(name);
        let header = file.u32(5);
        let [states, actions, transitions, episodes, steps] = header[..] else { panic!("header") };
        let counts = file.u8(states * actions);
        let (prob, next) = (file.f64(transitions), file.u16(transitions));
        let (reward, terminated) = (file.f32(transitions), file.u8(transitions));
        let mut all = (0..transitions).map(|t| (prob[t], next[t], reward[t], terminated[t] != 0));
        let outcomes = counts.iter().map(|&n| all.by_ref().take(n.into()).collect()).collect();
        let recorded = Self {
            actions,
            outcomes,
            start: file.u16(episodes),
            steps: file.u16(episodes),
            step_action: file.u8(steps),
            step_state: file.u16(steps),
            step_reward: file.f32(steps),
            step_terminated: file.u8(steps),
            step_truncated: file.u8(steps),
        };
        assert!(file.is_empty());
        recorded
    }
}

fn model(task: &str) -> Mdp {
    build_task(task).unwrap().mdp(RowKey { seed: 0, env: 0, episode: 0 }).unwrap()
}

/// Gymnasium's number of each state.
fn numbers(task: &str, mdp: &Mdp) -> Vec<usize> {
    let column = |name: &str| {
        let catalog = build_task(task).unwrap().spec().catalog();
        catalog.find(name).map(|(id, _)| mdp.column(id.0).iter().map(|&x| x as usize).collect::<Vec<_>>())
    };
    column("tile").unwrap_or_else(|| {
        let parts = ["agent_y", "agent_x", "passenger", "destination"].map(|name| column(name).unwrap());
        (0..mdp.num_states())
            .map(|s| ((parts[0][s] * 5 + parts[1][s]) * 5 + parts[2][s]) * 4 + parts[3][s])
            .collect()
    })
}

/// Every transition of every state from which a step can be taken, in order, to the last bit of its probability.
fn compare_tables(task: &str, recorded: &Recorded, expected: usize) {
    let mdp = model(task);
    let numbers = numbers(task, &mdp);
    let states = recorded.outcomes.len() / recorded.actions;
    assert_eq!(
        (mdp.num_actions, &numbers[..states]),
        (recorded.actions, &(0..states).collect::<Vec<_>>()[..])
    );
    let mut compared = 0;
    for state in (0..states).filter(|&state| !mdp.is_terminal(state)) {
        for action in 0..mdp.num_actions {
            let outcomes = &recorded.outcomes[state * recorded.actions + action];
            let own: Vec<_> = mdp
                .outcomes(state, action)
                .map(|t| (mdp.prob[t], numbers[mdp.next[t] as usize], mdp.is_terminal(mdp.next[t] as usize)))
                .collect();
            let other: Vec<_> = outcomes.iter().map(|&(p, next, _, end)| (p, next, end)).collect();
            assert_eq!(own, other, "{task}: state {state}, action {action}");
            compared += own.len();
        }
    }
    assert_eq!(compared, expected, "{task}");
    // Gymnasium lets a state that ends the episode lead to itself, with probability 1.
    for state in (0..states).filter(|&state| mdp.is_terminal(state) && task.starts_with("FrozenLake")) {
        assert_eq!(recorded.outcomes[state * recorded.actions], [(1.0, state, 0.0, true)]);
    }
}

#[test]
fn tables_are_identical() {
    compare_tables(frozen_lake::NAME_4X4, &Recorded::open("frozen_lake_4x4.bin.z"), 132);
    compare_tables(frozen_lake::NAME_8X8, &Recorded::open("frozen_lake_8x8.bin.z"), 636);
    compare_tables(cliff_walking::NAME, &Recorded::open("cliff_walking.bin.z"), 188);
    compare_tables(taxi::NAME, &Recorded::open("taxi.bin.z"), 3000);
}

#[test]
fn starts_are_as_likely() {
    let mdp = model(taxi::NAME);
    assert_eq!(mdp.start.len(), 300);
    assert!((mdp.start.iter().map(|(_, prob)| prob).sum::<f64>() - 1.0).abs() < 1e-12);
    let recorded = Recorded::open("taxi.bin.z");
    assert!(recorded.start.iter().all(|&start| mdp.start.iter().any(|&(state, _)| state as usize == start)));
    assert_eq!(model(cliff_walking::NAME).start, [(36, 1.0)]);
    assert_eq!(model(frozen_lake::NAME_8X8).start, [(0, 1.0)]);
}

/// Plays recorded episodes of a task without chance, one per row.
fn compare_episodes(task: &str, file: &str) {
    let recorded = Recorded::open(file);
    let (n, most) = (recorded.steps.len(), *recorded.steps.iter().max().unwrap());
    let mut env = env(task, n, most);
    for (row, &start) in recorded.start.iter().enumerate() {
        env.intervene(Intervention { row, handle: "state".into(), values: vec![start as f32] }).unwrap();
    }
    let firsts: Vec<usize> =
        recorded.steps.iter().scan(0, |at, &n| Some(std::mem::replace(at, *at + n))).collect();
    let mdp = model(task);
    let numbers = numbers(task, &mdp);
    let find = |name: &str| env.catalog().find(name).map(|(id, _)| id.0);
    let (fell, refused, delivered) = (find("fell"), find("refused"), find("delivered"));
    for t in 0..most {
        let live = |e: usize| t < recorded.steps[e];
        let action = |e: usize| if live(e) { recorded.step_action[firsts[e] + t].into() } else { 0.0 };
        env.step(&(0..n).map(action).collect::<Vec<f32>>()).unwrap();
        let rollout = env.rollout();
        let signals = rollout.signals_now(t).unwrap();
        for e in (0..n).filter(|&e| live(e)) {
            let (step, cell) = (firsts[e] + t, t * n + e);
            let flag = |column: Option<usize>| column.is_some_and(|column| signals.column(column)[e] > 0.5);
            let reward = match (flag(fell), flag(refused), flag(delivered)) {
                (true, ..) => -100.0,
                (_, true, _) => -10.0,
                (.., true) => 20.0,
                _ => -1.0,
            };
            assert_eq!(reward, recorded.step_reward[step], "{task} {e}, step {t}");
            assert_eq!(rollout.terminated[cell], recorded.step_terminated[step] != 0, "{task} {e}, step {t}");
            assert_eq!(rollout.truncated[cell], recorded.step_truncated[step] != 0, "{task} {e}, step {t}");
            let size = rollout.part_sizes()[0];
            let seen = match rollout.end_at(t, e) {
                Some(end) => &rollout.final_obs[0].u8()[end * size..][..size],
                None => &rollout.obs[0].u8()[((t + 1) * n + e) * size..][..size],
            };
            let number = match seen {
                [tile] => usize::from(*tile),
                parts => parts.iter().zip([0, 5, 5, 4]).fold(0, |n, (&x, base)| n * base + usize::from(x)),
            };
            assert_eq!(number, recorded.step_state[step], "{task} {e}, step {t}");
        }
    }
    assert_eq!(numbers.len(), mdp.num_states());
}

#[test]
fn episodes_without_chance_are_identical() {
    compare_episodes(cliff_walking::NAME, "cliff_walking.bin.z");
    compare_episodes(taxi::NAME, "taxi.bin.z");
}

#[test]
fn episodes_with_chance_are_possible() {
    for (task, file) in
        [(frozen_lake::NAME_4X4, "frozen_lake_4x4.bin.z"), (frozen_lake::NAME_8X8, "frozen_lake_8x8.bin.z")]
    {
        let (recorded, mdp) = (Recorded::open(file), model(task));
        let limit = mdp.max_steps as usize;
        let mut step = 0;
        for (&start, &steps) in recorded.start.iter().zip(&recorded.steps) {
            let mut state = start;
            for t in 1..=steps {
                let (action, next) = (recorded.step_action[step].into(), recorded.step_state[step]);
                assert!(mdp.outcomes(state, action).any(|t| mdp.next[t] as usize == next), "{task}: {step}");
                assert_eq!(mdp.is_terminal(next), recorded.step_terminated[step] != 0, "{task}: {step}");
                assert_eq!(t == limit, recorded.step_truncated[step] != 0, "{task}: {step}");
                assert_eq!(f32::from(u8::from(mdp.success[next])), recorded.step_reward[step]);
                (state, step) = (next, step + 1);
            }
        }
        assert_eq!(step, recorded.step_action.len());
    }
}
