//! Recorded episodes, scored again, give the online numbers bit for bit.

use carrot_lab::{Trainer, rescore};
use carrot_learn::Device;
use carrot_record::Episode;
use carrot_reward::{Revision, RewardModels};

use super::setups::{BUSY_CART_POLE, EXPRESSIONS, STAGES, scene};

#[test]
fn a_thousand_recorded_episodes_score_to_the_online_bits() {
    let revisions = score_again("CartPole-v1", BUSY_CART_POLE, 1000);
    assert!(revisions > 5, "the norms and the anneal must have moved");
}

#[test]
fn episodes_paid_by_expressions_score_to_the_online_bits() {
    let revisions = score_again("CartPole-v1", EXPRESSIONS, 300);
    assert!(revisions > 2, "the norm must have moved");
}

#[test]
fn episodes_paid_in_stages_score_to_the_online_bits() {
    score_again("DoorKey-8x8", STAGES, 20);
}

/// Trains, records, scores again; gives the number of revisions.
fn score_again(task: &str, reward: &str, wanted: usize) -> usize {
    let batch = "num_envs: 64, num_steps: 64, seed: 2";
    let mut setup = scene(task, batch, reward, "total_steps: 1000000, update_epochs: 1, hidden: [16]");
    setup.scene.recording.envs = 64;
    let catalog = setup.task.spec().catalog();
    let graphs = setup.graphs.clone();
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    let mut revisions = vec![trainer.revision().clone()];
    let mut episodes: Vec<Episode> = Vec::new();
    while episodes.len() < wanted {
        let report = trainer.update().unwrap();
        episodes.extend(report.episodes);
        revisions.extend(report.revision);
    }
    let find = |number: u32| revisions.iter().find(|r: &&Revision| r.number == number).map(|r| &r.graphs[0]);
    let nodes = graphs[0].nodes.len();
    for episode in &episodes {
        let again =
            rescore::rescore_episode(&graphs[0], find, &mut RewardModels::new(), &catalog, episode, &[])
                .unwrap();
        for t in 0..episode.steps {
            assert_eq!(
                again.totals[0][t].to_bits(),
                episode.totals[t].to_bits(),
                "{:?} step {t}",
                episode.key
            );
            for k in 0..nodes {
                let online = episode.contributions[t * nodes + k];
                assert_eq!(
                    again.outputs[k * episode.steps + t].to_bits(),
                    online.to_bits(),
                    "{:?} node {k}",
                    episode.key
                );
            }
        }
    }
    revisions.len()
}
