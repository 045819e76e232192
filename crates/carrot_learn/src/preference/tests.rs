//! The network against a known reward, and what must never happen to it.

use carrot_reward::RewardModel;
use carrot_sim::{RowKey, Stream};

use super::*;

const STEPS: usize = 6;
const INPUTS: usize = 3;

/// What the annotator is paid: the third input is noise of another size.
fn gold(row: &[f32]) -> f32 {
    row[0] * row[0] - 0.5 * row[1]
}

fn segments(count: usize, seed: u64) -> Vec<Segment> {
    let mut rng = RowKey { seed, env: 0, episode: 0 }.rng(Stream::Script);
    let mut row = || [rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0), rng.uniform(0.0, 90.0)];
    let segment = |_| {
        let features: Vec<f32> = (0..STEPS).flat_map(|_| row()).collect();
        let gold = features.chunks(INPUTS).map(gold).collect();
        Segment { features, gold, ..Segment::default() }
    };
    (0..count).map(segment).collect()
}

fn pairs(count: usize, seed: u64) -> Vec<Pair> {
    let all = segments(2 * count, seed);
    let pair =
        |(id, two): (usize, &[Segment])| Pair { id: id as u64, left: two[0].clone(), right: two[1].clone() };
    all.chunks(2).enumerate().map(pair).collect()
}

fn answers<'a>(pairs: &'a [Pair], faults: &Faults) -> Vec<(&'a Pair, Answer)> {
    pairs.iter().filter_map(|pair| Some((pair, faults.judge(pair, 9).answer()?))).collect()
}

fn trainer(config: RewardNetConfig) -> RewardTrainer {
    let inputs = (0..INPUTS).map(|i| format!("signal_{i}")).collect();
    RewardTrainer::new(config, inputs, Combine::Mean, 4).unwrap()
}

/// Share of pairs whose better side the network knows.
fn known(net: &RewardNet, pairs: &[Pair]) -> f64 {
    let total = |segment: &Segment| net.member_returns(&segment.features).unwrap().iter().sum::<f64>();
    let truth = |segment: &Segment| segment.gold.iter().sum::<f32>();
    let agrees =
        |pair: &&Pair| (total(&pair.left) > total(&pair.right)) == (truth(&pair.left) > truth(&pair.right));
    pairs.iter().filter(agrees).count() as f64 / pairs.len() as f64
}

#[test]
fn two_hundred_answers_explain_the_reward() {
    let (seen, unseen) = (pairs(200, 1), pairs(300, 2));
    let mut plain = trainer(RewardNetConfig::default());
    let mut report = FitReport { loss: 0.0, accuracy: 0.0, kept: false, passes: 0 };
    for _ in 0..4 {
        report = plain.fit(&answers(&seen, &Faults::default()), 20).unwrap();
    }
    assert!(report.kept && report.accuracy > 0.95, "{report:?}");
    let net = plain.publish().unwrap();
    assert!(known(&net, &unseen) > 0.85, "{}", known(&net, &unseen));
    let mut scores = vec![0.0; 300 * STEPS];
    let features: Vec<f32> = unseen.iter().flat_map(|pair| pair.left.features.clone()).collect();
    net.score(&features, &mut scores).unwrap();
    assert!(scores.iter().all(|score| (-1.0..=1.0).contains(score)));
}

#[test]
fn combinations_of_members_are_ordered() {
    let scores = [0.5_f32, -0.25, 0.125];
    let of = |combine: Combine| {
        let inputs = vec!["x".into()];
        let about = About {
            version: 1,
            inputs,
            hidden: Vec::new(),
            members: 3,
            combine,
            head: Head::Tanh,
            shaping: None,
        };
        // Without a hidden layer a member is a weight and a bias: tanh(0 x + bias).
        let values = scores.iter().flat_map(|s| [0.0, 0.5 * ((1.0 + s) / (1.0 - s)).ln()]).collect();
        let standard = crate::standard::Standard { mean: vec![0.0], factor: vec![1.0] };
        let mut out = [0.0];
        RewardNet::new(about, standard, values).score(&[7.0], &mut out).unwrap();
        out[0]
    };
    assert!((of(Combine::Mean) - 0.125).abs() < 1e-6);
    assert!((of(Combine::Min) + 0.25).abs() < 1e-6);
    let deviation = (2.0 * 0.375_f32 * 0.375 / 3.0).sqrt();
    assert!((of(Combine::Cautious(2.0)) - (0.125 - 2.0 * deviation)).abs() < 1e-6);
}

#[test]
fn a_fit_goes_on_bit_for_bit_from_its_parts() {
    let seen = pairs(40, 3);
    let config = RewardNetConfig::default();
    let answers = answers(&seen, &Faults::default());
    let mut whole = trainer(config.clone());
    whole.fit(&answers[..20], 3).unwrap();
    let parts = whole.save().unwrap();
    whole.fit(&answers, 3).unwrap();
    let mut resumed = trainer(config);
    resumed.load(&parts).unwrap();
    resumed.fit(&answers, 3).unwrap();
    assert_eq!(whole.save().unwrap(), resumed.save().unwrap());
}

#[test]
fn a_fit_is_bounded_and_the_passes_left_over_are_told() {
    let (seen, faults) = (pairs(40, 3), Faults::default());
    let answers = answers(&seen, &faults);
    // 40 answers are 3 mini-batches: 10 of them are 3 passes.
    let mut bounded = trainer(RewardNetConfig { batches: 10, ..RewardNetConfig::default() });
    assert_eq!(bounded.fit(&answers, 20).unwrap().passes, 3);
    assert_eq!(bounded.fit(&answers, 2).unwrap().passes, 2);
    let mut least = trainer(RewardNetConfig { batches: 1, ..RewardNetConfig::default() });
    assert_eq!(least.fit(&answers, 20).unwrap().passes, 1);
}

#[test]
fn a_member_that_says_how_sure_it_is_is_unsure_where_answers_contradict() {
    // Where the first input is below 0 the answers are thrown, elsewhere they tell the truth.
    let mut rng = RowKey { seed: 12, env: 0, episode: 0 }.rng(Stream::Script);
    let mut segment = |clear: bool| {
        let place = if clear { 0.75 } else { -0.75 };
        let features: Vec<f32> =
            (0..STEPS).flat_map(|_| [place, rng.uniform(-1.0, 1.0), rng.uniform(0.0, 90.0)]).collect();
        let gold = features.chunks(INPUTS).map(|row| -row[1]).collect();
        Segment { features, gold, ..Segment::default() }
    };
    let pair = |id: u64, clear| Pair { id, left: segment(clear), right: segment(clear) };
    let seen: Vec<Pair> = [true, false]
        .into_iter()
        .cycle()
        .zip(0..300)
        .map(|(c, id)| (id, c))
        .map({
            let mut pair = pair;
            move |(id, clear)| pair(id, clear)
        })
        .collect();
    let thrown = Faults { mistake: 0.5, ..Faults::default() };
    let judge = |pair: &Pair| {
        if pair.id.is_multiple_of(2) { Faults::default().judge(pair, 9) } else { thrown.judge(pair, 9) }
    };
    let answers: Vec<(&Pair, Answer)> =
        seen.iter().filter_map(|pair| Some((pair, judge(pair).answer()?))).collect();
    let mut gaussian = trainer(RewardNetConfig { gaussian: true, ..RewardNetConfig::default() });
    for _ in 0..6 {
        assert!(gaussian.fit(&answers, 20).unwrap().kept);
    }
    let net = gaussian.publish().unwrap();
    let deviation = |place: f32| {
        let outputs = net.member_outputs(&[place, 0.0, 45.0]).unwrap();
        outputs.iter().map(|member| member[0].1).sum::<f32>() / outputs.len() as f32
    };
    assert!(deviation(-0.75) > 1.5 * deviation(0.75), "{} and {}", deviation(-0.75), deviation(0.75));
    let clear: Vec<Pair> = seen.iter().filter(|pair| pair.id.is_multiple_of(2)).cloned().collect();
    assert!(known(&net, &clear) > 0.85, "{}", known(&net, &clear));
    let saved = RewardNet::load(&net.save().unwrap()).unwrap();
    assert_eq!(
        saved.member_outputs(&[0.5, 0.5, 0.5]).unwrap(),
        net.member_outputs(&[0.5, 0.5, 0.5]).unwrap()
    );
}

#[test]
fn numbers_that_are_not_finite_are_taken_back() {
    let seen = pairs(20, 5);
    // Each step multiplies every weight with -1e6.
    let config = RewardNetConfig { learning_rate: 1e6, weight_decay: 1.0, ..RewardNetConfig::default() };
    let mut broken = trainer(config);
    let before = broken.publish().unwrap().values;
    let report = broken.fit(&answers(&seen, &Faults::default()), 10).unwrap();
    assert!(!report.kept, "{report:?}");
    assert_eq!(broken.publish().unwrap().values, before);
}

#[test]
fn empty_and_odd_segments_are_refused() {
    let mut plain = trainer(RewardNetConfig::default());
    let mut pair = pairs(1, 1).remove(0);
    pair.left.features.pop();
    assert!(plain.fit(&[(&pair, Answer::LEFT)], 1).is_err());
    pair.left.features.clear();
    assert!(plain.fit(&[(&pair, Answer::LEFT)], 1).is_err());
}

#[test]
fn a_published_version_is_scored_to_the_same_bits_in_any_batch_and_from_its_file() {
    let seen = pairs(60, 6);
    let mut fitted = trainer(RewardNetConfig::default());
    fitted.fit(&answers(&seen, &Faults::default()), 2).unwrap();
    let first = fitted.publish().unwrap();
    fitted.fit(&answers(&seen, &Faults::default()), 2).unwrap();
    let second = fitted.publish().unwrap();
    assert_eq!((first.version(), second.version()), (1, 2));

    let mut published = Published::nothing(first.inputs().to_vec());
    let features: Vec<f32> = segments(700, 8).into_iter().flat_map(|segment| segment.features).collect();
    let score = |published: &mut Published, size: usize| {
        let mut out = vec![0.0; features.len() / INPUTS];
        for (features, out) in features.chunks(size * INPUTS).zip(out.chunks_mut(size)) {
            RewardModel::score(published, features, out).unwrap();
        }
        out.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(RewardModel::version(&published), 0);
    assert!(score(&mut published, 64).iter().all(|&bits| f32::from_bits(bits).is_nan()));
    published.add(RewardNet::load(&first.save().unwrap()).unwrap());
    published.add(second);
    let newest = score(&mut published, 4_096);
    for size in [1, 255, 257] {
        assert_eq!(score(&mut published, size), newest, "batches of {size}");
    }
    published.select(Some(1)).unwrap();
    let older = score(&mut published, 4_096);
    assert_ne!(older, newest);
    let mut alone = Published::only(first);
    assert_eq!(score(&mut alone, 300), older);
    published.select(Some(0)).unwrap();
    assert!(score(&mut published, 64).iter().all(|&bits| f32::from_bits(bits).is_nan()));
    assert!(published.select(Some(3)).unwrap_err().contains("version 3"));
}

#[test]
fn queries_go_where_the_members_differ() {
    let seen = pairs(30, 7);
    let mut fitted = trainer(RewardNetConfig::default());
    fitted.fit(&answers(&seen, &Faults::default()), 20).unwrap();
    let net = fitted.publish().unwrap();
    let pool = segments(60, 11);
    let pool: Vec<&Segment> = pool.iter().collect();
    let spread = |choice: QueryChoice| {
        let chosen = choose_pairs(choice, &pool, 20, 10, Some(&net), 3, 0).unwrap();
        assert_eq!(chosen.len(), 20);
        assert!(chosen.iter().all(|(left, right)| left != right));
        let spread = |&(left, right): &(usize, usize)| {
            let of = |i: usize| net.member_returns(&pool[i].features).unwrap();
            let chances: Vec<f64> = of(left).iter().zip(of(right)).map(|(a, b)| win_chance(a - b)).collect();
            let mean = chances.iter().sum::<f64>() / 3.0;
            (chances.iter().map(|p| (p - mean).powi(2)).sum::<f64>(), (mean - 0.5).abs())
        };
        let all: Vec<(f64, f64)> = chosen.iter().map(spread).collect();
        (all.iter().map(|x| x.0).sum::<f64>(), all.iter().map(|x| x.1).sum::<f64>())
    };
    let (uniform, disagreement, entropy) =
        (spread(QueryChoice::Uniform), spread(QueryChoice::Disagreement), spread(QueryChoice::Entropy));
    assert!(disagreement.0 > 2.0 * uniform.0, "{disagreement:?} {uniform:?}");
    assert!(entropy.1 < 0.5 * uniform.1, "{entropy:?} {uniform:?}");
    assert!(choose_pairs(QueryChoice::Uniform, &pool[..1], 5, 1, None, 3, 0).unwrap().is_empty());
}
