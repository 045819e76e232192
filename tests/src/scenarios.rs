//! Scenarios: the same bits in any number of shards, payments that equal the ledger's, randomisation that can be
//! rebuilt, and shipped files that hold and that notice mistakes.

use std::path::{Path, PathBuf};

use carrot_lab::scenario::{
    Played, ScenarioFile, Stage, find_files, junit, mutate, pay, play, replay, run_file, run_files,
};
use carrot_lab::{Device, Run, RunOptions, Setup, Source, Trainer};
use carrot_reward::{Ledger, Revision, RewardModels};
use carrot_sim::{Intervention, VecEnvConfig};

use super::setups::scene;

fn read(text: &str) -> ScenarioFile {
    ScenarioFile::read(&Source::new("own.ron", text)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenes/scenarios");
    find_files(&[folder]).unwrap()
}

/// Everything that may happen to a row, on one physics task and one without physics.
const BUSY: [&str; 3] = [
    r#"(version: 1, task: "Reach", rollouts: {"busy": (policy: "expert", envs: 5, steps: 40, seed: 7, timeline: [
        (at: 0, do: Jitter("goal_position", (0.02, 0.02, 0.02))),
        (at: 3, do: Push("palm", (0.0, 2.0, 0.0), 4)),
        (at: 5, do: ActionNoise(0.2)),
        (at: 8, do: SensorNoise("tool_to_goal", 0.01)),
        (at: 10, do: Set("gravity", -3.7)),
        (when: "goal_distance < 0.03 [m]", do: Control("random")),
        (at: 6, do: SensorDelay(2)),
        (at: 25, do: ActionDelay(1)),
        (at: 30, do: Weight("sparse", "outside", -3.0)),
    ])}, expect: [(always: "unaccounted == 0")])"#,
    r#"(version: 1, task: "CartPole-v1", randomisation: {"pole_angle": Uniform(-0.1, 0.1), "cart_position": Choice([-1.0, 0.0, 1.0])},
        rollouts: {"busy": (policy: "random", envs: 9, seed: 3, timeline: [
        (at_secs: 0.1, do: Jitter("pole_angle", 0.05)),
        (when: "abs(pole_angle) > 0.1", do: Control("expert")),
        (at: 30, do: Drop("pole_velocity")),
        (at: 40, do: ActionNoise(0.5)),
    ])}, expect: [(always: "unaccounted == 0")])"#,
    r#"(version: 1, task: "DoorKey-8x8", rollouts: {"busy": (policy: "expert", envs: 6, steps: 60, timeline: [
        (when: "has_key", do: Set("agent_direction", 2)),
        (at: 4, do: Set("agent_position", (1, 1))),
        (at: 9, do: Set("tile", (1, 2, 1, 0, 0))),
        (when: "door_open", do: ActionNoise(0.3)),
    ])}, expect: [(always: "unaccounted == 0")])"#,
];

fn bits(played: &Played) -> Vec<u32> {
    let floats = [&played.before, &played.now, &played.actions, &played.score];
    floats.into_iter().flatten().map(|value| value.to_bits()).collect()
}

#[test]
fn a_rollout_has_the_same_bits_in_any_number_of_shards_and_every_time() {
    for text in BUSY {
        let file = read(text);
        let spec = &file.rollouts[0];
        let one = play(&file.task, spec, 1).unwrap();
        assert!(one.envs() > 4 && one.len() > 40);
        for shards in [1, 2, 4] {
            let other = play(&file.task, spec, shards).unwrap();
            assert!(bits(&one) == bits(&other), "{} in {shards} shards", file.task.spec().name);
            assert_eq!((&one.starts, &one.cause), (&other.starts, &other.cause));
        }
        assert!(run_file(&file).unwrap().failed() == 0);
    }
}

#[test]
fn every_line_of_a_timeline_changes_something() {
    for text in BUSY {
        let whole = read(text);
        let played = bits(&play(&whole.task, &whole.rollouts[0], 1).unwrap());
        let lines: Vec<&str> =
            text.lines().filter(|line| line.contains("do: ") && !line.contains("Weight")).collect();
        for line in lines {
            let without = read(&text.replacen(line, "", 1));
            let other = play(&without.task, &without.rollouts[0], 1).unwrap();
            assert!(played != bits(&other), "nothing changes with {line}");
        }
    }
}

#[test]
fn a_scenario_pays_what_the_ledger_pays() {
    let own = read(
        r#"(version: 1, task: "CartPole-v1", rollouts: {"pushed": (policy: Actions([[1]]), envs: 1, steps: 8, timeline: [
            (at: 2, do: Set("pole_angle", -0.1)), (at: 5, do: Set("cart_velocity", 0.3)),
        ])}, expect: [(always: "unaccounted == 0")])"#,
    );
    let played = play(&own.task, &own.rollouts[0], 1).unwrap();
    let setup: Setup = scene("CartPole-v1", "num_envs: 1, num_steps: 8", "\"mixed\"", "");
    let revision = Revision::initial(&setup.graphs);
    let config =
        VecEnvConfig { num_envs: 1, num_steps: 8, shards: 1, seed: 1, keep_signals: true, autoreset: true };
    let mut env = setup.build(config, &revision).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, 8, 1);
    let catalog = env.catalog().clone();
    env.begin_rollout();
    for t in 0..8 {
        let edit = match t {
            2 => Some(("pole_angle", -0.1)),
            5 => Some(("cart_velocity", 0.3)),
            _ => None,
        };
        if let Some((handle, value)) = edit {
            env.intervene(Intervention { row: 0, handle: handle.into(), values: vec![value] }).unwrap();
        }
        env.step(&[1.0]).unwrap();
    }
    let mut models = RewardModels::new();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r)).unwrap();
    let mixed = own.rewards.iter().position(|graph| graph.name == "mixed").unwrap();
    let paid = pay(&own.rewards[mixed], mixed, &played).unwrap();
    assert!(played.len() > 5);
    for t in 0..played.len() {
        assert_eq!(paid.total[t].to_bits(), ledger.graphs[0].total(t, 0)[0].to_bits(), "step {t}");
    }
}

#[test]
fn weights_change_from_their_step_on() {
    let file = read(
        r#"(version: 1, task: "CartPole-v1", rollouts: {"a": (policy: "expert", envs: 2, steps: 9, timeline: [
            (at: 3, do: Weight("sparse", "alive", 5.0)), (at: 6, do: Weight("sparse", "alive", 0.0)),
        ])}, expect: [(under: "sparse", always: "total == (if step <= 3 { 1 } else { if step <= 6 { 5 } else { 0 } })")])"#,
    );
    assert_eq!(run_file(&file).unwrap().failed(), 0);
}

#[test]
fn a_failure_names_value_place_and_steps() {
    let file = read(
        r#"(version: 1, task: "CartPole-v1", rollouts: {"a": (policy: "expert", envs: 2, steps: 9)}, expect: [
            (under: "sparse", always: "so_far < 5"),
            (under: "sparse", given: "step > 20", always: "total == 1"),
            (under: "sparse", holds: "return(a) > 10"),
            (under: "sparse", at: 12, always: "total == 1"),
            (under: "sparse", times: (2, "step == 4")),
            (under: "sparse", in_order: ["step == 4", "step == 4"]),
        ])"#,
    );
    let verdicts = Stage::play(&file).unwrap().verdicts();
    let message = |index: usize| verdicts[index].failures[0].message.clone();
    let place = verdicts[0].failures[0].at.as_ref().unwrap();
    assert_eq!((place.rollout.as_str(), place.env, place.step), ("a", 0, 5));
    let failure = &verdicts[0].failures[0];
    assert_eq!(failure.columns, ["so_far"]);
    assert_eq!(failure.steps.iter().map(|row| row.step).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    assert_eq!(failure.steps[2].values, [5.0]);
    assert!(message(1).starts_with("it was never put to the test"));
    assert_eq!(message(2), "return(a) is 9");
    assert_eq!(message(3), "the episode is over before these steps");
    assert_eq!(message(4), "it is true in 1 steps, not in 2");
    assert!(message(5).contains("not after step 4"), "{}", message(5));
    let outcome = run_file(&file).unwrap();
    let xml = junit(&[outcome]);
    assert!(xml.contains("tests=\"6\" failures=\"6\"") && xml.contains("so_far &lt; 5"), "{xml}");
    let episode = replay(&file, 0, 1, 0).unwrap();
    assert!(episode.steps.len() == 9 && episode.text().starts_with("a, env 1, under sparse: 9 steps, left"));
    assert!(replay(&file, 0, 2, 0).is_err());
}

#[test]
fn a_drawn_scene_is_recorded_and_can_be_built_again() {
    let drawn = read(
        r#"(version: 1, task: "CartPole-v1", randomisation: {"pole_angle": Uniform(-0.1, 0.1), "cart_velocity": LogUniform(0.1, 1.0)},
            rollouts: {"a": (policy: "expert", envs: 4, steps: 5)},
            expect: [(always: "abs(drawn_pole_angle) <= 0.1 and drawn_cart_velocity >= 0.1 and drawn_cart_velocity <= 1"),
                     (at: 1, always: "abs(prev(pole_angle) - drawn_pole_angle) == 0")])"#,
    );
    assert_eq!(run_file(&drawn).unwrap().failed(), 0);
    let played = play(&drawn.task, &drawn.rollouts[0], 1).unwrap();
    let column = |name: &str| drawn.task.spec().catalog().find(name).unwrap().0.0;
    let first = |name: &str, env: usize| played.before[column(name) * played.len() + played.starts[env]];
    let angles: Vec<f32> = (0..4).map(|env| first("drawn_pole_angle", env)).collect();
    assert!(angles.windows(2).all(|pair| pair[0] != pair[1]), "{angles:?}");
    // The same episode without any draw, from what was recorded.
    for env in 0..4 {
        let again = read(&format!(
            r#"(version: 1, task: "CartPole-v1", rollouts: {{"a": (policy: "expert", envs: 4, steps: 5, timeline: [
                (at: 0, do: Set("pole_angle", {:?})), (at: 0, do: Set("cart_velocity", {:?})),
            ])}}, expect: [(always: "true")])"#,
            first("drawn_pole_angle", env),
            first("drawn_cart_velocity", env),
        ));
        let other = play(&again.task, &again.rollouts[0], 1).unwrap();
        let angle =
            |played: &Played, t: usize| played.now[2 * played.len() + played.starts[env] + t].to_bits();
        for t in 0..5 {
            assert_eq!(angle(&played, t), angle(&other, t), "env {env}, step {t}");
        }
    }
}

#[test]
fn a_curriculum_rises_with_success_and_stays_in_its_range() {
    let setup = scene(
        "MountainCar-v0",
        "num_envs: 3, num_steps: 32",
        r#""sparse", randomisation: {"position": Curriculum(from: (0.5, 0.55), to: (0.45, 0.55), step: 0.25)}"#,
        "",
    );
    let revision = Revision::initial(&setup.graphs);
    let mut finals = Vec::new();
    for shards in [1, 3] {
        let config =
            VecEnvConfig { num_envs: 3, num_steps: 32, shards, seed: 2, keep_signals: true, autoreset: true };
        let mut env = setup.build(config, &revision).unwrap();
        let level = env.catalog().find("curriculum_level").unwrap().0.0;
        let mut levels = Vec::new();
        for _ in 0..32 {
            env.step(&[2.0; 3]).unwrap();
            levels.extend_from_slice(
                env.rollout().signals_now(env.rollout().filled - 1).unwrap().column(level),
            );
        }
        assert_eq!(&levels[..3], &[0.0; 3]);
        assert!(levels.iter().all(|level| (0.0..=1.0).contains(level)));
        assert!(levels.iter().any(|&level| level >= 0.5), "{levels:?}");
        finals.push(levels);
    }
    assert_eq!(finals[0], finals[1]);
}

/// A training that is pushed and jittered, in so many shards.
fn perturbed(shards: usize, recorded: usize) -> Result<Setup, String> {
    let text = format!(
        r#"(version: 1, task: "CartPole-v1", batch: (num_envs: 8, num_steps: 16, shards: {shards}), reward: "sparse",
            perturbations: [
                (at: 5, do: Set("cart_velocity", 0.5)),
                (when: "pole_angle > 0.02", do: Jitter("pole_angle", 0.05)),
            ],
            learner: Ppo(total_steps: 1024, update_epochs: 1, num_minibatches: 1), recording: (envs: {recorded}))"#
    );
    Setup::read::<&str>(&Source::new("own.ron", text), &[], Default::default()).map_err(|e| e.to_string())
}

#[test]
fn a_perturbed_training_gives_the_same_bits_in_any_number_of_shards() {
    let observations = |shards: usize| {
        let mut trainer = Trainer::new(perturbed(shards, 0).unwrap(), Device::Cpu).unwrap();
        for _ in 0..2 {
            trainer.update().unwrap();
        }
        let rollout = trainer.env().rollout();
        let seen = rollout.obs[0].f32().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        (seen, rollout.actions.clone())
    };
    let one = observations(1);
    assert!(one == observations(2) && one == observations(4));
    // Between two observations of an unperturbed cart its speed changes by a push at most.
    let speeds: Vec<f32> = one.0.chunks(4).map(|row| f32::from_bits(row[1])).collect();
    let jumps = speeds.windows(9).filter(|pair| (pair[8] - pair[0]).abs() > 0.25).count();
    assert!(jumps > 0, "nobody was pushed");
    let refused = perturbed(1, 1).err().unwrap();
    assert!(refused.contains("cannot be scored again from a recording"), "{refused}");
}

#[test]
fn shipped_scenarios_hold_and_every_task_has_ten_expectations() {
    let outcomes = run_files(&shipped(), |_, _| true, run_file).unwrap();
    for outcome in &outcomes {
        let failed: Vec<_> = outcome.verdicts.iter().filter(|v| !v.passed()).map(|v| &v.name).collect();
        assert!(failed.is_empty(), "{}: {failed:?}", outcome.file);
        assert!(outcome.verdicts.len() >= 10, "{}", outcome.file);
    }
    let mut tasks: Vec<&str> = outcomes.iter().map(|outcome| outcome.task.as_str()).collect();
    tasks.sort_unstable();
    let mut all = carrot_tasks::task_names();
    all.sort_unstable();
    assert_eq!(tasks, all);
}

#[test]
fn shipped_expectations_notice_nine_of_ten_mistakes() {
    for score in run_files(&shipped(), |_, _| true, mutate).unwrap() {
        let listed = score.equivalent() as f64 / score.mutants.len() as f64;
        assert!(score.mutants.len() >= 30, "{}: {} mutants", score.file, score.mutants.len());
        assert!(score.share() >= 0.9 && listed <= 0.1, "{}: {} of {listed}", score.file, score.share());
    }
}

#[test]
fn expressions_and_machines_have_mutants_too() {
    let file = read(
        r#"(version: 1, task: "CartPole-v1",
            rewards: {"own": [
                (name: "near", kind: Expr("exp(-abs(cart_position) / 0.5 [m])"), weight: 0.5),
                Program("param scale = 0.2 in 0.1..1; term('up', 1.0, if abs(pole_angle) < scale and cart_velocity > -1 { 1 } else { 0 });"),
                Machine(name: "stage", states: [
                    (name: "in", reward: 1, edges: [(to: "out", when: "cart_position > 0.02 [m]", reward: 2)]),
                    (name: "out", accept: true),
                ]),
            ]},
            rollouts: {"a": (policy: "expert", envs: 2, steps: 30)}, expect: [(always: "total < 1e6")])"#,
    );
    let score = mutate(&file).unwrap();
    let names: Vec<&str> = score.mutants.iter().map(|mutant| mutant.mutant.as_str()).collect();
    for wanted in [
        "near: sign",
        "near: `0.5` is `0.75`",
        "near: shifted",
        "program: `<` is `>`",
        "program: `and` is `or`",
        "program: `0.2` is `0.3`",
        "stage.in: weight",
        "stage.in_to_out: dropped",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    assert_eq!(score.killed(), 0, "nothing is expected here");
    assert_eq!(score.survived(), score.mutants.len());
}

#[test]
fn a_checkpoint_acts_in_a_scenario_and_only_where_it_fits() {
    let folder = tempfile::tempdir().unwrap();
    let setup = scene(
        "CartPole-v1",
        "num_envs: 32, num_steps: 64, seed: 2",
        "\"sparse\"",
        "total_steps: 61_440, learning_rate: 2e-3, hidden: [32]",
    );
    let options = RunOptions { run_dir: Some(folder.path().join("run")), ..RunOptions::below(folder.path()) };
    let mut run = Run::start(setup, &options).unwrap();
    while !run.trainer().is_complete() {
        run.advance().unwrap();
    }
    run.checkpoint().unwrap();
    let named = |task: &str, policy: &str| {
        let text = format!(
            r#"(version: 1, task: "{task}", rollouts: {{
                "trained": (policy: {policy}, envs: 6, steps: 300),
                "handed": (policy: "random", envs: 6, steps: 300, timeline: [(at: 0, do: Control({policy}))]),
                "random": (policy: "random", envs: 6, steps: 300),
            }}, expect: [(holds: "length(trained) > 3 * length(random)")])"#
        );
        let source = Source::new(folder.path().join("own.ron").display().to_string(), text);
        ScenarioFile::read(&source).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    };
    let file = named("CartPole-v1", r#"Checkpoint("run")"#);
    assert_eq!(run_file(&file).unwrap().failed(), 0);
    let [one, four] = [1, 4].map(|shards| play(&file.task, &file.rollouts[0], shards).unwrap());
    assert!(bits(&one) == bits(&four));
    // Handing over to it before the first step is the same as having it from the start.
    let handed = play(&file.task, &file.rollouts[1], 1).unwrap();
    assert!(bits(&one) == bits(&handed));

    let elsewhere = named("Acrobot-v1", r#"Checkpoint("run")"#);
    let refused = play(&elsewhere.task, &elsewhere.rollouts[0], 1).err().unwrap().to_string();
    assert!(refused.contains("sees or does something else than Acrobot-v1"), "{refused}");
}
