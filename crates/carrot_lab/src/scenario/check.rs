//! Checking expectations against rollouts that were played and paid for.

use carrot_reward::Transition;
use carrot_reward::expr::Compiled;
use carrot_scene::Location;
use carrot_sim::SignalView;
use serde::Serialize;

use super::columns::{Columns, Measure, Paid, pay};
use super::expect::{Check, Expectation, Text, Window};
use super::file::ScenarioFile;
use super::play::{Played, play};
use crate::error::LabError;

/// Steps shown before and after the one that failed.
const AROUND: usize = 2;
/// Failures of one expectation that are kept.
const KEPT: usize = 3;

/// What became of one expectation.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Name of the expectation.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub location: Location,
    /// The reward that it is about.
    pub under: String,
    /// Why it failed, the first few times; none when it holds.
    pub failures: Vec<Failure>,
}

impl Verdict {
    /// Whether it holds.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// One place where an expectation failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What was seen.
    pub message: String,
    /// The rollout, its env and the step from 1, where there is one.
    pub at: Option<Place>,
    /// Names of the columns of `steps`.
    pub columns: Vec<String>,
    /// The steps around.
    pub steps: Vec<StepRow>,
}

/// A step of a rollout.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// Name of the rollout.
    pub rollout: String,
    /// Env.
    pub env: usize,
    /// Step from 1.
    pub step: usize,
}

/// One line of a table of steps.
#[derive(Debug, Clone, Serialize)]
pub struct StepRow {
    /// Step from 1.
    pub step: usize,
    /// One value per column.
    pub values: Vec<f32>,
}

/// The rollouts of a file, played once; rewards pay for them as often as needed.
pub struct Stage<'a> {
    file: &'a ScenarioFile,
    played: Vec<Played>,
    /// `[reward][rollout]`.
    paid: Vec<Vec<Paid>>,
}

/// A reward in place of one of the file's, with its payments.
pub(crate) struct Substitute {
    pub(crate) reward: usize,
    pub(crate) paid: Vec<Paid>,
}

impl<'a> Stage<'a> {
    /// Plays every rollout of a file and pays for it under every reward.
    ///
    /// # Errors
    /// When a batch cannot be built or stepped, or a checkpoint cannot be read.
    pub fn play(file: &'a ScenarioFile) -> Result<Self, LabError> {
        let played = file.rollouts.iter().map(|rollout| play(&file.task, rollout, 1));
        Self::of(file, played.collect::<Result<_, _>>()?)
    }

    /// The same, of the file's rollouts as they were played before, in its order.
    ///
    /// # Errors
    /// When a reward cannot pay for them.
    pub fn of(file: &'a ScenarioFile, played: Vec<Played>) -> Result<Self, LabError> {
        let paid = (0..file.rewards.len()).map(|index| pay_all(file, index, &played));
        let paid = paid.collect::<Result<_, _>>()?;
        Ok(Self { file, played, paid })
    }

    /// The rollouts.
    pub fn played(&self) -> &[Played] {
        &self.played
    }

    /// A rollout under one reward, with the names that its columns have.
    pub fn columns(&self, rollout: usize, under: usize) -> Columns {
        self.columns_with(rollout, under, None)
    }

    fn columns_with(&self, rollout: usize, under: usize, instead: Option<&Substitute>) -> Columns {
        let paid = |reward: usize| match instead {
            Some(substitute) if substitute.reward == reward => &substitute.paid[rollout],
            _ => &self.paid[reward][rollout],
        };
        let totals: Vec<&[f32]> =
            (0..self.file.rewards.len()).map(|reward| paid(reward).total.as_slice()).collect();
        let played = &self.played[rollout];
        let graph = &self.file.rewards[under];
        Columns::new(played, graph, paid(under), &totals, self.file.task.spec().control_dt)
    }

    /// Checks every expectation.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let mut cache = Cache::default();
        self.file.expectations.iter().map(|expectation| self.verdict(expectation, None, &mut cache)).collect()
    }

    /// The first expectation about a reward that fails when another stands in its place.
    pub(crate) fn first_failing(&self, instead: &Substitute) -> Option<&'a Expectation> {
        let mut cache = Cache::default();
        let about = self.file.expectations.iter().filter(|own| own.under == instead.reward);
        about.into_iter().find(|own| !self.verdict(own, Some(instead), &mut cache).passed())
    }

    pub(crate) fn pay_for(
        &self,
        graph: &carrot_reward::Graph,
        reward: usize,
    ) -> Result<Substitute, LabError> {
        let paid = self.played.iter().map(|played| pay(graph, reward, played)).collect::<Result<_, _>>()?;
        Ok(Substitute { reward, paid })
    }

    fn verdict(&self, expectation: &Expectation, instead: Option<&Substitute>, cache: &mut Cache) -> Verdict {
        let failures = match &expectation.check {
            Check::Holds(text) => self.check_means(expectation, text, instead),
            Check::Same(text, tolerance) => self.check_same(expectation, text, *tolerance, instead, cache),
            _ => self.check_steps(expectation, instead, cache),
        };
        Verdict {
            name: expectation.name.clone(),
            location: expectation.location.clone(),
            under: self.file.rewards[expectation.under].name.clone(),
            failures,
        }
    }

    fn check_means(
        &self,
        expectation: &Expectation,
        text: &Text,
        instead: Option<&Substitute>,
    ) -> Vec<Failure> {
        let value = |&(rollout, measure): &(usize, Measure)| {
            let reward = match measure {
                Measure::Return(other) | Measure::Discounted(other) => other.unwrap_or(expectation.under),
                _ => expectation.under,
            };
            let paid = match instead {
                Some(substitute) if substitute.reward == reward => &substitute.paid[rollout],
                _ => &self.paid[reward][rollout],
            };
            measure.of(&self.played[rollout], paid, &paid.total, self.file.gamma.into())
        };
        let values: Vec<f32> = expectation.measures.iter().map(value).collect();
        let view = SignalView::new(&values, 1);
        let none = Transition {
            before: view,
            now: view,
            terminated: &[false],
            truncated: &[false],
            cause: &[0],
            success: &[false],
            score: &[0.0],
        };
        let mut holds = [0.0];
        text.code.run(&none, &[], &mut holds);
        if holds[0] != 0.0 {
            return Vec::new();
        }
        let read =
            text.code.signals.iter().map(|signal| format!("{} is {}", signal.name, values[signal.id.0]));
        let message = read.collect::<Vec<_>>().join(", ");
        vec![Failure { message, at: None, columns: Vec::new(), steps: Vec::new() }]
    }

    fn check_same(
        &self,
        expectation: &Expectation,
        text: &Text,
        tolerance: f32,
        instead: Option<&Substitute>,
        cache: &mut Cache,
    ) -> Vec<Failure> {
        let (&first, others) = expectation.rollouts.split_first().unwrap_or((&0, &[]));
        let wanted = self.values(first, expectation, &text.code, instead, cache);
        let mut failures = Vec::new();
        for &other in others {
            let found = self.values(other, expectation, &text.code, instead, cache);
            let (own, name) = (&self.played[first], &self.file.rollouts[other].name);
            for env in 0..own.envs().min(self.played[other].envs()) {
                let (a, b) = (own.episode(env), self.played[other].episode(env));
                let steps = self.steps_of(expectation, a.len());
                let differs = |t: &usize| {
                    let far = |by: f32| by.abs() > tolerance || by.is_nan();
                    b.len() <= *t || far(wanted[a.start + t] - found[b.start + t])
                };
                let Some(t) = steps.clone().find(differs) else { continue };
                let seen = found.get(b.start + t).filter(|_| t < b.len());
                let seen = seen.map_or("its episode is over".to_string(), |value| format!("it is {value}"));
                let message = format!("it is {}, in {name} {seen}", wanted[a.start + t]);
                failures.push(self.failure(
                    message,
                    other,
                    env,
                    t.min(b.len() - 1),
                    &[text],
                    expectation,
                    instead,
                    cache,
                ));
            }
        }
        failures.truncate(KEPT);
        failures
    }

    fn check_steps(
        &self,
        expectation: &Expectation,
        instead: Option<&Substitute>,
        cache: &mut Cache,
    ) -> Vec<Failure> {
        let texts: Vec<&Text> = match &expectation.check {
            Check::Always(text) | Check::Never(text) | Check::Eventually(text) | Check::Times(_, text) => {
                vec![text]
            }
            Check::InOrder(texts) => texts.iter().collect(),
            Check::Holds(_) | Check::Same(..) => Vec::new(),
        };
        let (mut failures, mut episodes, mut tried) = (Vec::new(), 0, false);
        for &rollout in &expectation.rollouts {
            let held: Vec<Vec<f32>> = texts
                .iter()
                .map(|text| self.values(rollout, expectation, &text.code, instead, cache))
                .collect();
            let given = expectation
                .given
                .as_ref()
                .map(|given| self.values(rollout, expectation, &given.code, instead, cache));
            let played = &self.played[rollout];
            for env in 0..played.envs() {
                let episode = played.episode(env);
                let window = self.steps_of(expectation, episode.len());
                let missed = window.is_empty();
                let looked: Vec<usize> = window
                    .filter(|t| given.as_ref().is_none_or(|given| given[episode.start + t] != 0.0))
                    .collect();
                tried |= !looked.is_empty();
                episodes += 1;
                let holds = |text: usize, t: usize| held[text][episode.start + t] != 0.0;
                let found = if missed {
                    Err((episode.len() - 1, "the episode is over before these steps".to_string()))
                } else {
                    verdict_of(&expectation.check, &looked, episode.len(), &holds)
                };
                if let Err((t, message)) = found {
                    failures.push((rollout, env, t, message));
                }
            }
        }
        if !tried && failures.is_empty() && expectation.given.is_some() {
            let message = "it was never put to the test: `given` held in no step".to_string();
            return vec![Failure { message, at: None, columns: Vec::new(), steps: Vec::new() }];
        }
        if expectation.any && failures.len() < episodes {
            return Vec::new();
        }
        failures.truncate(KEPT);
        let mut shown = texts;
        shown.extend(expectation.given.as_ref());
        let tell = |(rollout, env, t, message)| {
            self.failure(message, rollout, env, t, &shown, expectation, instead, cache)
        };
        failures.into_iter().map(tell).collect()
    }

    /// Steps from 0 of an episode that an expectation looks at.
    fn steps_of(&self, expectation: &Expectation, length: usize) -> std::ops::Range<usize> {
        match expectation.window {
            Window::All => 0..length,
            Window::Last => length - 1..length,
            Window::Steps(from, to) => (from as usize - 1).min(length)..(to as usize).min(length),
        }
    }

    fn values(
        &self,
        rollout: usize,
        expectation: &Expectation,
        code: &Compiled,
        instead: Option<&Substitute>,
        cache: &mut Cache,
    ) -> Vec<f32> {
        let columns = cache
            .columns(rollout, expectation.under, || self.columns_with(rollout, expectation.under, instead));
        let played = &self.played[rollout];
        let mut values = vec![0.0; played.len()];
        code.run(&columns.transition(played), &[], &mut values);
        values
    }

    /// A failure with what its texts read in the steps around.
    fn failure(
        &self,
        message: String,
        rollout: usize,
        env: usize,
        t: usize,
        texts: &[&Text],
        expectation: &Expectation,
        instead: Option<&Substitute>,
        cache: &mut Cache,
    ) -> Failure {
        let columns = cache
            .columns(rollout, expectation.under, || self.columns_with(rollout, expectation.under, instead));
        let mut shown: Vec<(String, usize)> = Vec::new();
        for signal in texts.iter().flat_map(|text| &text.code.signals) {
            for axis in 0..signal.width {
                let name = match signal.width {
                    1 => signal.name.clone(),
                    _ => format!("{}.{}", signal.name, ["x", "y", "z", "w"][axis % 4]),
                };
                if !shown.iter().any(|(own, _)| *own == name) {
                    shown.push((name, signal.id.0 + axis));
                }
            }
        }
        let episode = self.played[rollout].episode(env);
        let around = t.saturating_sub(AROUND)..(t + AROUND + 1).min(episode.len());
        let row = |step: usize| {
            let values = shown.iter().map(|&(_, column)| columns.column(column)[episode.start + step]);
            StepRow { step: step + 1, values: values.collect() }
        };
        Failure {
            message,
            at: Some(Place { rollout: self.file.rollouts[rollout].name.clone(), env, step: t + 1 }),
            steps: around.map(row).collect(),
            columns: shown.into_iter().map(|(name, _)| name).collect(),
        }
    }
}

/// Whether a check holds in one episode; where and why not.
fn verdict_of(
    check: &Check,
    looked: &[usize],
    length: usize,
    holds: &dyn Fn(usize, usize) -> bool,
) -> Result<(), (usize, String)> {
    let first = |text: usize, wanted: bool| looked.iter().copied().find(|&t| holds(text, t) == wanted);
    match check {
        Check::Always(_) => first(0, false).map_or(Ok(()), |t| Err((t, "it is false".to_string()))),
        Check::Never(_) => first(0, true).map_or(Ok(()), |t| Err((t, "it is true".to_string()))),
        Check::Eventually(_) if looked.is_empty() || first(0, true).is_some() => Ok(()),
        Check::Eventually(_) => Err((
            looked.last().copied().unwrap_or(0),
            format!("it is true in none of {} steps", looked.len()),
        )),
        Check::Times(wanted, _) => {
            let at: Vec<usize> = looked.iter().copied().filter(|&t| holds(0, t)).collect();
            let place = at.get(*wanted as usize).or(at.last()).copied().unwrap_or(length - 1);
            match at.len() == *wanted as usize {
                true => Ok(()),
                false => Err((place, format!("it is true in {} steps, not in {wanted}", at.len()))),
            }
        }
        Check::InOrder(texts) => {
            let mut last = None;
            for text in 0..texts.len() {
                let at = first(text, true);
                let says = &texts[text].text;
                match (at, last) {
                    (None, _) => return Err((length - 1, format!("`{says}` is true in no step"))),
                    (Some(t), Some(earlier)) if t <= earlier => {
                        let (now, then) = (t + 1, earlier + 1);
                        return Err((t, format!("`{says}` is true in step {now}, not after step {then}")));
                    }
                    (Some(t), _) => last = Some(t),
                }
            }
            Ok(())
        }
        Check::Holds(_) | Check::Same(..) => Ok(()),
    }
}

/// Pays for all rollouts under one reward of the file.
fn pay_all(file: &ScenarioFile, reward: usize, played: &[Played]) -> Result<Vec<Paid>, LabError> {
    played.iter().map(|played| pay(&file.rewards[reward], reward, played)).collect()
}

/// Columns that were made already.
#[derive(Default)]
struct Cache(Vec<((usize, usize), Columns)>);

impl Cache {
    fn columns(&mut self, rollout: usize, under: usize, make: impl FnOnce() -> Columns) -> &Columns {
        let at = self.0.iter().position(|(key, _)| *key == (rollout, under));
        let at = at.unwrap_or_else(|| {
            self.0.push(((rollout, under), make()));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}
