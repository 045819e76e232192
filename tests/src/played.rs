//! Episodes that somebody played outside of a training: kept to the bit, and shown to an agent.

use carrot_lab::evaluate::{Actor, record_episodes};
use carrot_lab::played::{Played, PlayedRun};
use carrot_lab::{Device, Setup, Source, Trainer, rescore};
use carrot_reward::Revision;

use crate::setups::scene;

#[test]
fn what_was_played_is_kept_to_the_bit_and_can_be_imitated() {
    let folder = tempfile::tempdir().unwrap();
    let setup = scene("Pendulum-v1", "num_envs: 4, num_steps: 32, seed: 3", "\"shaped\"", "total_steps: 256");
    let revision = Revision::initial(&setup.graphs);
    let expert = Actor::Script(setup.task.spec().script("expert").unwrap());
    let (_, shown) = record_episodes(&setup, &revision, &mut Default::default(), &expert, 3, 11).unwrap();
    let width = setup.task.spec().catalog().width();
    let mut run = PlayedRun::create(&setup, folder.path(), "hand").unwrap();
    for episode in &shown {
        let (actions, signals) = (episode.actions.clone(), episode.signals[width..].to_vec());
        let played = Played { key: episode.key, actions, signals };
        run.keep(&played).unwrap();
        let mut edited = played.clone();
        edited.signals[5 * width] += 0.5;
        let told = run.keep(&edited).unwrap_err().to_string();
        assert!(told.contains("was edited"), "{told}");
        let mut unended = played;
        unended.actions.pop();
        assert!(run.keep(&unended).is_err());
    }
    assert_eq!((run.kept(), rescore::read_episodes(run.path()).unwrap()), (3, shown));
    let again = rescore::rescore_run(run.path(), None).unwrap();
    assert!(again.len() == 3 && again.iter().all(|episode| episode.differing_steps == 0));

    let shown = format!("demonstrations: Run(path: \"{}\", episodes: 2)", run.path().display());
    let text = format!(
        "(
            version: 1,
            task: \"Pendulum-v1\",
            batch: (num_envs: 4, num_steps: 32, shards: 1, seed: 1),
            reward: [(name: \"alike\", kind: Model(name: \"alike\"))],
            imitation: (model: \"alike\", {shown}),
            cloning: ({shown}, epochs: 2),
            learner: Ppo(total_steps: 256, num_minibatches: 2, update_epochs: 1),
        )"
    );
    let setup = Setup::read::<&str>(&Source::new("imitated.ron", text), &[], Default::default()).unwrap();
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    (0..2).for_each(|_| drop(trainer.update().unwrap()));
    assert!(trainer.is_complete());
}
