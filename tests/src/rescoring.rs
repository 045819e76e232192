//! Recorded episodes, scored again, give the online numbers bit for bit.

use carrot_lab::{Trainer, rescore};
use carrot_learn::Device;
use carrot_record::Episode;
use carrot_reward::{Revision, RewardModels};

use super::setups::{BUSY_CART_POLE, scene};

#[test]
fn a_thousand_recorded_episodes_score_to_the_online_bits() {
    let batch = "num_envs: 64, num_steps: 64, seed: 2";
    let mut setup =
        scene("CartPole-v1", batch, BUSY_CART_POLE, "total_steps: 1000000, update_epochs: 1, hidden: [16]");
    setup.scene.recording.envs = 64;
    let catalog = setup.task.spec().catalog();
    let graphs = setup.graphs.clone();
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    let mut revisions = vec![trainer.revision().clone()];
    let mut episodes: Vec<Episode> = Vec::new();
    while episodes.len() < 1000 {
        let report = trainer.update().unwrap();
        episodes.extend(report.episodes);
        revisions.extend(report.revision);
    }
    assert!(revisions.len() > 5, "the norms and the anneal must have moved");
    let find = |number: u32| revisions.iter().find(|r: &&Revision| r.number == number).map(|r| &r.graphs[0]);
    let nodes = graphs[0].nodes.len();
    for episode in &episodes {
        let again =
            rescore::rescore_episode(&graphs[0], find, &mut RewardModels::new(), &catalog, episode).unwrap();
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
}
