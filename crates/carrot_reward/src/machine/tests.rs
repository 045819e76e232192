//! Machines by themselves, and their shaping on random grids, solved exactly.

use std::sync::Arc;

use carrot_scene::{Diagnostics, Source, Syntax};
use carrot_sim::mdp::{Ending, Explorer, Optimum, evaluate_policy, value_iteration};
use carrot_sim::{
    ActionSpace, App, CAUSE_NONE, CAUSE_TASK, KeyedRng, Mdp, MdpError, ObsPart, RowKey, SignalSpec,
    SignalView, Stream, Task, TaskSpec,
};

use super::{MachineSpec, declared_machines, track};
use crate::graph::Graph;
use crate::kind::{KindRegistry, Scope, Transition};
use crate::model::RewardModels;
use crate::rescore::score_transitions;
use crate::revision::GraphRevision;

const SIDE: i32 = 5;
const GAMMA: f64 = 0.95;

/// A grid with slippery floor and a pit that ends the episode.
struct Grid {
    spec: TaskSpec,
    pit: (i32, i32),
    slip: f64,
}

impl Grid {
    fn new(dice: &mut KeyedRng) -> Self {
        let side = |name: &str| SignalSpec::scalar(name, "tile", (0.0, (SIDE - 1) as f32), "");
        let spec = TaskSpec {
            name: "Grid",
            family: "gridworld",
            about: "",
            docs: "",
            observation: vec![ObsPart::vector("place", &[0.0; 2], &[4.0; 2])],
            action: ActionSpace::Discrete {
                names: ["up", "right", "down", "left"].map(String::from).to_vec(),
            },
            signals: vec![side("column"), side("line")],
            causes: &["fell"],
            max_steps: 0,
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: Vec::new(),
            scripts: Vec::new(),
        };
        let pit = (1 + dice.below(4) as i32, dice.below(5) as i32);
        Self { spec, pit, slip: f64::from(dice.uniform(0.0, 0.3)) }
    }
}

impl Task for Grid {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, _: &mut App) {}

    fn mdp(&self, _: RowKey) -> Result<Mdp, MdpError> {
        let to = |&(x, y): &(i32, i32), action: usize| {
            let (dx, dy) = [(0, -1), (1, 0), (0, 1), (-1, 0)][action % 4];
            ((x + dx).clamp(0, SIDE - 1), (y + dy).clamp(0, SIDE - 1))
        };
        let explorer = Explorer::<'_, (i32, i32)> {
            num_actions: 4,
            step: &|place, action, outcomes| {
                outcomes.push((1.0 - self.slip, to(place, action)));
                outcomes.push((self.slip, to(place, action + 1)));
            },
            ending: &|place| Ending {
                cause: if *place == self.pit { CAUSE_TASK } else { CAUSE_NONE },
                success: false,
            },
            signals: &|&(x, y)| vec![x as f32, y as f32],
            clocks: Vec::new(),
            max_steps: 0,
        };
        explorer.explore([((0, 0), 1.0)], 100)
    }
}

/// A machine of three to six states: a way to acceptance, and random edges besides.
fn random_machine(dice: &mut KeyedRng) -> String {
    let count = 3 + dice.below(4) as usize;
    let mut states = String::new();
    for from in 0..count {
        let mut edges = String::new();
        let mut edge = |to: usize, dice: &mut KeyedRng| {
            let (x, y) = (dice.below(5), dice.below(5));
            let when = match dice.below(3) {
                0 => format!("column == {x} and line == {y}"),
                1 => format!("column >= {x} and delta(line) != 0"),
                _ => format!("line > {y} or column < {x} and line == prev(line)"),
            };
            edges += &format!("(to: \"s{to}\", when: \"{when}\", reward: {}),", dice.uniform(-1.0, 3.0));
        };
        if from + 1 < count {
            edge(from + 1, dice);
        }
        let back = dice.below(count as u32) as usize;
        if back != from && back != from + 1 && dice.below(2) == 0 {
            edge(back, dice);
        }
        let reward = format!("\"{} * column / 4 [tile]\"", dice.uniform(-0.5, 0.5));
        let accept = from + 1 == count;
        states += &format!("(name: \"s{from}\", reward: {reward}, accept: {accept}, edges: [{edges}]),");
    }
    format!("name: \"stage\", states: [{states}]")
}

/// The rewards of all transitions of a model.
fn rewards(task: &Arc<dyn Task>, mdp: &Mdp, graph: &Graph) -> Vec<f64> {
    let (states, catalog) = (mdp.num_states(), task.spec().catalog());
    let len = mdp.num_transitions();
    let (mut before, mut now) = (vec![0.0; catalog.width() * len], vec![0.0; catalog.width() * len]);
    for column in 0..mdp.signals.len() / states {
        for (t, (source, _)) in mdp.sources().enumerate() {
            before[column * len + t] = mdp.column(column)[source];
            now[column * len + t] = mdp.column(column)[mdp.next[t] as usize];
        }
    }
    let cause: Vec<u8> = mdp.next.iter().map(|&next| mdp.cause[next as usize]).collect();
    let terminated: Vec<bool> = cause.iter().map(|&cause| cause != CAUSE_NONE).collect();
    let transition = Transition {
        before: SignalView::new(&before, len),
        now: SignalView::new(&now, len),
        terminated: &terminated,
        truncated: &vec![false; len],
        cause: &cause,
        success: &vec![false; len],
        score: &vec![0.0; len],
    };
    let revision = GraphRevision::initial(graph);
    let scored =
        score_transitions(graph, &revision, &mut RewardModels::new(), &catalog, &transition).unwrap();
    scored.totals[0].iter().map(|&x| f64::from(x)).collect()
}

/// A grid task with a machine, its model, and the optimum under each of some rewards.
struct Solved {
    mdp: Mdp,
    rewards: Vec<Vec<f64>>,
    optima: Vec<Optimum>,
    distances: Vec<usize>,
}

fn solve(seed: u32, shapings: &[&str]) -> Solved {
    let mut dice = RowKey { seed: 8, env: seed, episode: 0 }.rng_at(Stream::Script, 0);
    let (grid, machine) = (Grid::new(&mut dice), random_machine(&mut dice));
    let node = |shaping: &str| {
        Syntax::parse(&Source::new("grid.ron", format!("[Machine({machine}{shaping})]"))).unwrap().root()
    };
    let mut diagnostics = Diagnostics::new();
    let scope = Scope::new(grid.spec(), &[]);
    let machines = declared_machines(&[node("")], &scope, &mut diagnostics);
    let task = track(Arc::new(grid), machines);
    let scope = Scope::new(task.spec(), &[]);
    let spec =
        MachineSpec::read(&node("").items().unwrap()[0].variant().unwrap().1, &scope, &mut diagnostics);
    let mdp = task.mdp(RowKey { seed: 0, env: 0, episode: 0 }).unwrap();
    let (mut all, mut optima) = (Vec::new(), Vec::new());
    for shaping in shapings {
        let kinds = KindRegistry::standard();
        let graph = Graph::read("reward", &node(shaping), &kinds, &scope, &mut 0, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics}");
        let rewards = rewards(&task, &mdp, &graph.unwrap());
        optima.push(value_iteration(&mdp, &rewards, GAMMA, 1e-9).unwrap());
        all.push(rewards);
    }
    Solved { mdp, rewards: all, optima, distances: spec.unwrap().machine.distances() }
}

#[test]
fn shaping_keeps_the_best_policy_on_random_grid_machines() {
    let mut broken = 0;
    for seed in 0..20 {
        let right = ", shaping: (gamma: 0.95, weight: 2.0)";
        let wrong = ", shaping: (gamma: 1.0, weight: 2.0)";
        let solved = solve(seed, &["", right, wrong]);
        let column = solved.mdp.signals.len() / solved.mdp.num_states() - 1;
        let reached = solved.mdp.column(column).iter().fold(0.0_f32, |most, &state| most.max(state));
        assert!(reached >= 1.0, "grid {seed}: the machine never moves");
        let plain = &solved.optima[0];
        let worth_of = |policy: &[u32]| {
            let values = evaluate_policy(&solved.mdp, &solved.rewards[0], policy, GAMMA, 1e-9).unwrap();
            let pairs = values.iter().zip(&plain.values);
            pairs.map(|(own, best)| best - own).fold(0.0, f64::max)
        };
        assert!(worth_of(&solved.optima[1].policy) < 1e-3, "grid {seed}: another policy is best");
        broken += usize::from(worth_of(&solved.optima[2].policy) > 1e-2);
        for state in (0..solved.mdp.num_states()).filter(|&state| !solved.mdp.is_terminal(state)) {
            let potential = -2.0 * solved.distances[solved.mdp.column(column)[state] as usize] as f64;
            let (shaped, expected) = (solved.optima[1].values[state], plain.values[state] - potential);
            assert!(
                (shaped - expected).abs() < 1e-3,
                "grid {seed} state {state}: {shaped} is not {expected}"
            );
        }
    }
    assert!(broken > 0, "a potential of another gamma changes some best policy, or this test sees nothing");
}

fn read(ron: &str) -> (Option<MachineSpec>, String) {
    let mut dice = RowKey { seed: 0, env: 0, episode: 0 }.rng_at(Stream::Script, 0);
    let scope = Scope::new(Grid::new(&mut dice).spec(), &[]);
    let node = Syntax::parse(&Source::new("m.ron", ron)).unwrap().root();
    let mut diagnostics = Diagnostics::new();
    let spec = MachineSpec::read(&node.variant().unwrap().1, &scope, &mut diagnostics);
    (spec, diagnostics.to_string())
}

#[test]
fn the_first_edge_that_holds_is_taken_and_distances_count_edges() {
    let (spec, told) = read(
        r#"Machine(name: "m", states: [
            (name: "a", edges: [(to: "c", when: "column > 2"), (to: "b", when: "column > 0", reward: 2)]),
            (name: "b", edges: [(to: "c", when: "line > prev(line)"), (to: "a", when: "line == 4")]),
            (name: "c", accept: true),
            (name: "lost", reward: "-1"),
        ], shaping: (gamma: 0.9))"#,
    );
    let spec = spec.unwrap_or_else(|| panic!("{told}"));
    assert_eq!(spec.machine.distances(), [1, 1, 0, 4]);
    assert_eq!(
        spec.potential(),
        "if m == 0 { -1 } else if m == 1 { -1 } else if m == 2 { -0 } else if m == 3 { -4 } else { 0 }"
    );
    assert_eq!(spec.pays.iter().map(|pay| pay.name.as_str()).collect::<Vec<_>>(), ["a_to_b", "lost"]);
    // Columns: column, line, then the action as applied and as given.
    let before = [0.0, 0.0, 0.0, 0.0, 0.0, /* line */ 0.0, 0.0, 0.0, 0.0, 4.0];
    let now = [3.0, 1.0, 0.0, 0.0, 0.0, /* line */ 0.0, 0.0, 0.0, 1.0, 4.0];
    let mut next = [9; 5];
    let view = |data| SignalView::new(data, 5);
    spec.machine.advance(view(&before), view(&now), &[0, 0, 0, 1, 1], &mut next);
    assert_eq!(next, [2, 1, 0, 2, 0]);
    spec.machine.advance(view(&before), view(&now), &[2, 3, 2, 3, 2], &mut next);
    assert_eq!(next, [2, 3, 2, 3, 2], "no edge leaves these");
}

#[test]
fn mistakes_in_a_machine_are_told_at_their_place() {
    let edge = |edge: &str| {
        format!(
            "Machine(name: \"m\", states: [\n(name: \"a\", edges: [{edge}]),\n(name: \"b\", accept: true)])"
        )
    };
    for (ron, message) in [
        (edge("(to: \"d\", when: \"column > 1\")"), "m.ron:2:26: unknown state \"d\""),
        (edge("(to: \"b\", when: \"colunm > 1\")"), "m.ron:2:38: unknown signal or name \"colunm\""),
        (edge("(to: \"b\", when: \"column\")"), "m.ron:2:38: a condition is true or false"),
        (edge("(to: \"b\", when: \"terminated\")"), "m.ron:2:37: this condition reads how the episode ended"),
        (edge("(to: \"b\", when: \"action == 1\")"), "m.ron:2:37: this condition reads an action"),
        (
            edge("(to: \"b\", when: \"param a = 1 in 0..2; column > a\")"),
            "m.ron:2:37: this condition reads a parameter",
        ),
        (
            edge("(to: \"a\", when: \"column > 1\")"),
            "m.ron:2:26: one edge leads from a state to each other one",
        ),
        (edge("(to: \"b\", wen: \"column > 1\")"), "m.ron:2:31: unknown field \"wen\""),
        (
            "Machine(name: \"a b\", states: [(name: \"a\")])".into(),
            "m.ron:1:15: this cannot be the name of a machine",
        ),
        ("Machine(name: \"m\", states: [])".into(), "m.ron:1:28: a machine has 1 to 32 states"),
        (
            "Machine(name: \"m\", states: [(name: \"a\"), (name: \"a\")])".into(),
            "m.ron:1:49: the name `a` is taken",
        ),
    ] {
        let (spec, told) = read(&ron);
        assert!(spec.is_none() && told.contains(message), "{ron}\n{told}");
    }
}

#[test]
fn a_machine_that_nothing_tracks_is_refused() {
    let mut dice = RowKey { seed: 0, env: 0, episode: 0 }.rng_at(Stream::Script, 0);
    let scope = Scope::new(Grid::new(&mut dice).spec(), &[]);
    let text = Source::new("m.ron", "Machine(name: \"m\", states: [(name: \"a\", reward: 1, accept: true)])");
    let told =
        Graph::parse("reward", &text, &KindRegistry::standard(), &scope, &mut 0).unwrap_err().to_string();
    assert!(told.contains("m.ron:1:15: nothing tracks the machine `m` here"), "{told}");
}
