//! Peers that are well, absent, dead, confused or asleep, played by a small script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;

/// A worker whose case says how it behaves.
const FAKE: &str = r#"
import json, os, sys, time
case = json.loads(sys.argv[1])
print(case["args"].get("first", "ready fake 1.0"), flush=True)
for line in sys.stdin:
    verb = case["build"]
    if verb == "die":
        os._exit(3)
    if verb == "sleep":
        time.sleep(60)
    if verb == "rubbish":
        print("Segmentation fault (core dumped)", flush=True)
    if verb == "window":
        print(json.dumps({"steps": 10, "secs": float(line.split()[1]), "cpu_secs": 0.5}), flush=True)
    if verb == "train":
        seed = json.loads(line.split(" ", 1)[1])["seed"]
        print(json.dumps({"solved": seed < 3, "mean_return": 1.0, "env_steps": 5, "wall_secs": 2.0,
                          "cpu_secs": 1.0, "eval_secs": 0.5}), flush=True)
"#;

/// A folder of peers with one environment, `fake`.
fn folder(cases: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("venv/fake/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(folder.path().join("worker.py"), FAKE).unwrap();
    fs::write(folder.path().join("cases.json"), cases).unwrap();
    let python = bin.join("python");
    fs::write(&python, "#!/bin/sh\nexec python3 \"$@\"\n").unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn case(python: &str, build: &str, args: &str) -> String {
    format!(
        r#"{{"task": "CartPole-v1", "peer": "Fake", "python": "{python}", "build": "{build}", "packages": [], "args": {args}}}"#
    )
}

/// The only stepping peer of a folder, started.
fn start(python: &str, build: &str, args: &str) -> Result<Peer, PeerError> {
    let folder = folder(&format!(r#"{{"step": [{}], "learn": []}}"#, case(python, build, args)));
    let peers = Peers::open(folder.path()).unwrap();
    // The script is read before the folder goes: the peer has answered then.
    peers.start(&peers.step[0])
}

fn is_alive(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn a_peer_answers_request_by_request() {
    let mut peer = start("fake", "window", r#"{"envs": 4}"#).unwrap();
    assert_eq!(peer.versions, "fake 1.0");
    for secs in [0.25, 0.5] {
        assert_eq!(peer.window(secs).unwrap(), Window { steps: 10, secs, cpu_secs: 0.5 });
    }
    let id = peer.child.id();
    drop(peer);
    assert!(!is_alive(id));
}

#[test]
fn what_is_not_installed_says_so() {
    let error = start("nowhere", "window", "{}").unwrap_err();
    assert_eq!(error.to_string(), "not installed: there is no virtual environment `nowhere`");
    let error = start("fake", "window", r#"{"first": "missing No module named 'jax'"}"#).unwrap_err();
    assert_eq!(error.to_string(), "not installed: No module named 'jax'");
}

#[test]
fn a_peer_that_fails_gives_one_clear_error() {
    let error = start("fake", "window", r#"{"first": "failed ValueError: no such env"}"#).unwrap_err();
    assert_eq!(error.to_string(), "failed: ValueError: no such env");
    let error = start("fake", "window", r#"{"first": "Hello from the library"}"#).unwrap_err();
    assert_eq!(error.to_string(), "gave no answer but `Hello from the library`");

    let mut peer = start("fake", "die", "{}").unwrap();
    let id = peer.child.id();
    assert_eq!(peer.window(0.1).unwrap_err().to_string(), "ended before it answered: exit status: 3");
    // It stays dead, and no zombie is left.
    assert_eq!(peer.window(0.1).unwrap_err().to_string(), "ended before it answered: exit status: 3");
    assert!(!is_alive(id));

    let mut peer = start("fake", "rubbish", "{}").unwrap();
    let error = peer.window(0.1).unwrap_err().to_string();
    assert_eq!(error, "gave no answer but `Segmentation fault (core dumped)`");
}

#[test]
fn a_peer_that_hangs_is_given_up_and_ended() {
    let mut peer = start("fake", "sleep", "{}").unwrap();
    let (id, start) = (peer.child.id(), Instant::now());
    let error = peer.ask::<Window>("window 1", Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.to_string(), "gave no answer for 0.2 s");
    drop(peer);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(!is_alive(id));
}

#[test]
fn steps_are_measured_in_turn_with_peers() {
    use crate::bench::step::{NONE, StepCase, measure_task};
    use crate::bench::turns::{Outcome, Plan};
    let cases = [
        case("fake", "window", r#"{"envs": 4}"#),
        case("nowhere", "window", "{}"),
        case("fake", "die", "{}"),
    ];
    let folder = folder(&format!(r#"{{"step": [{}], "learn": []}}"#, cases.join(",")));
    let peers = Peers::open(folder.path()).unwrap();
    let own =
        StepCase { task: "CartPole-v1".into(), robot: None, reward: NONE.into(), num_envs: 16, shards: 1 };
    let plan = Plan { turns: 3, window_secs: 0.01 };
    let found = measure_task(&[own], Some(&peers), &plan, &mut |_| ()).unwrap();
    let [well, absent, dead] = found.peers.as_slice() else { panic!("{:?}", found.peers) };
    let Outcome::Measured { rates, leads } = &well.outcome else { panic!("{well:?}") };
    assert_eq!((well.num_envs, rates.windows.len(), rates.per_cpu_sec.median), (Some(4), 3, 20.0));
    let window = found.own[0].rates.windows.iter().map(|own| own.rate() / 1000.0);
    let lead = crate::bench::Spread::of(window).unwrap();
    assert_eq!((leads[0].0.as_str(), leads[0].1.wall.max), (NONE, lead.max));
    assert!(matches!(&absent.outcome, Outcome::NotInstalled { .. }), "{absent:?}");
    assert!(matches!(&dead.outcome, Outcome::Failed { why } if why.contains("exit status: 3")), "{dead:?}");
}

#[test]
fn seeds_are_trained_in_turn_with_peers() {
    use crate::bench::learn::{LearnCase, measure_task};
    let cases = [case("fake", "train", "{}"), case("nowhere", "train", "{}")];
    let folder = folder(&format!(r#"{{"step": [], "learn": [{}]}}"#, cases.join(",")));
    let peers = Peers::open(folder.path()).unwrap();
    let scene = r#"(version: 1, task: "CartPole-v1", batch: (num_envs: 4, num_steps: 8), reward: "naive",
        recording: (envs: 0), learner: Ppo(total_steps: 64, update_epochs: 1))"#;
    let mut own =
        LearnCase { task: "CartPole-v1", bar: 1.0, reward: "sparse", every: 16, scene: ("scene", scene) };
    let mut order = Vec::new();
    let found = measure_task(&own, &[], 3, 100.0, Some(&peers), &mut |who, seed, came_to| {
        order.extend(came_to.map(|_| format!("{who} {seed}")));
    });
    let found = found.unwrap();
    assert_eq!(order, ["Carrot 1", "Fake 1", "Carrot 2", "Fake 2", "Carrot 3", "Fake 3"]);
    assert!(found.own.iter().all(|own| own.solved && own.env_steps == 32 && own.mean_return >= 1.0));
    let [peer, absent] = found.peers.as_slice() else { panic!("{:?}", found.peers) };
    let fastest = found.own.iter().map(|own| own.wall_secs).fold(f64::INFINITY, f64::min);
    assert_eq!((peer.lead.unwrap().wall.max, peer.lead_is_a_bound), (2.0 / fastest, true));
    assert!(peer.trainings.len() == 3 && peer.failure.is_none());
    assert!(absent.failure.as_ref().unwrap().starts_with("not installed"), "{absent:?}");

    own.bar = 1000.0;
    let found = measure_task(&own, &[], 1, 100.0, None, &mut |_, _, _| ()).unwrap();
    assert_eq!((found.own[0].solved, found.own[0].env_steps), (false, 64));
}

#[test]
fn every_scene_of_the_benchmark_is_of_its_task() {
    use crate::bench::learn::CASES;
    for case in CASES {
        let (name, text) = case.scene;
        let source = crate::Source::new(name, text);
        let judged = [format!("reward=\"{}\"", case.reward)];
        let setup = crate::Setup::read(&source, &judged, crate::ModelFiles::new()).unwrap();
        assert_eq!((setup.task.spec().name, setup.scene.recording.envs), (case.task, 0));
    }
}

#[test]
fn the_table_of_peers_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers");
    let peers = Peers::open(&root).unwrap();
    for case in peers.step.iter().chain(&peers.learn) {
        assert!(carrot_tasks::task_names().contains(&case.task.as_str()), "{}", case.task);
        let (module, function) = case.build.split_once(':').unwrap();
        let text = fs::read_to_string(root.join(module).with_extension("py")).unwrap();
        assert!(text.contains(&format!("\ndef {function}(")), "{}", case.build);
        let requirements = root.join(format!("requirements-{}.txt", case.python));
        assert!(requirements.is_file(), "{}", case.python);
    }
    assert!(peers.step.iter().all(|case| case.envs().is_some()));
    let error = Peers::open(&root.join("nowhere")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the table of peers"), "{error}");
}
