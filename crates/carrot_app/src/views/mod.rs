//! From the desk to what each panel shows.

mod labels;
mod words;

use carrot_lab::scenario::{Expectation, Verdict};
use carrot_reward::{COMBINATOR_DOCS, EpisodeSummary, RuleDoc};

use crate::desk::Desk;
use crate::panels::batch::BatchView;
use crate::panels::contributions::ContributionsView;
use crate::panels::episodes::{EpisodePoint, EpisodesView};
use crate::panels::hand::HandView;
use crate::panels::learning::LearningView;
use crate::panels::reward::{GraphView, RewardView};
use crate::panels::scenario::{ExpectationLine, ScenarioView, TimelineLine};
use crate::panels::signals::{SignalColumn, SignalsView};
use crate::panels::timeline::TimelineView;
use crate::panels::top::TopView;
use crate::panels::training::TrainingView;
use crate::runs::{FoundRun, curves};
use crate::session::account::accounts;
use crate::session::fields::number_fields;
use crate::session::scenario::Spot;
use crate::session::training::Stand;
use crate::session::{Driver, Session, StepRecord};

pub use labels::labels;
pub use words::words;

/// Steps that plots over time show.
const WINDOW: u64 = 400;

/// The stretch of time that plots show around the step looked at.
fn window(session: &Session) -> (u64, u64) {
    let (first, last) = (session.history().first(), session.history().last());
    let to = (session.tick() + WINDOW / 4).max(first + WINDOW).min(last);
    (to.saturating_sub(WINDOW).max(first), to)
}

/// The bar at the top.
pub fn top(desk: &Desk) -> TopView {
    let shows = TopView { dark: desk.dark, keys: desk.shows_keys, ..TopView::default() };
    let Some(session) = &desk.session else { return shows };
    let file = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let scenario = desk.scenario.as_ref().map(|scenario| scenario.path());
    let scene = desk.scene_path.as_deref().or(scenario).or(desk.run.as_deref()).and_then(file);
    TopView {
        task: session.task().name.into(),
        scene: scene.unwrap_or_default(),
        changed: session.text().is_changed(),
        driver: session.driver().name().into(),
        drivers: Driver::names(session.task()),
        env: session.env(),
        envs: session.live().rows(),
        wall: session.wall(),
        lanes: session.lanes().iter().map(|lane| lane.name.clone()).collect(),
        lane: session.lane(),
        follow: desk.follow,
        field: desk.shows_field,
        ..shows
    }
}

/// The timeline.
pub fn timeline(desk: &Desk, session: &Session) -> TimelineView {
    let (env, history) = (session.env(), session.history());
    let ended = session.live().episodes().iter().filter(|episode| episode.summary.env as usize == env);
    TimelineView {
        first: history.first(),
        last: history.last(),
        tick: session.tick(),
        playing: session.is_playing(),
        live: session.is_live(),
        speed: session.speed(),
        control_dt: session.task().control_dt,
        episode: session.record().map_or((0, 0), |record| (record.episode[env], record.step[env])),
        ends: ended.map(|episode| (episode.tick, episode.summary.success)).collect(),
        edits: edits(session),
        events: events(desk, env),
        failures: failures(desk, session),
        breakpoints: session.breakpoints().iter().map(|b| (b.text.clone(), b.enabled)).collect(),
        stopped_by: session.stopped_by().map(str::to_string),
        drivers: Driver::names(session.task()).into_iter().map(|(name, _)| name).collect(),
    }
}

/// Steps at which the scenario's timeline acts on the row that is looked at.
fn events(desk: &Desk, env: usize) -> Vec<u64> {
    desk.scenario.iter().flat_map(|scenario| scenario.lines(env)).filter_map(|(_, step)| step).collect()
}

/// Steps at which an expectation of the scenario fails in the row that is looked at, as far as they were played.
fn failures(desk: &Desk, session: &Session) -> Vec<u64> {
    let Some(scenario) = &desk.scenario else { return Vec::new() };
    let spots = scenario.verdicts().filter_map(|(_, verdict)| scenario.spot(verdict));
    let here = |spot: &Spot| spot.rollout == scenario.watched() && spot.env == session.env();
    spots.filter(here).map(|spot| spot.step).filter(|step| *step <= session.live().tick()).collect()
}

/// The scenario.
pub fn scenario(desk: &Desk, session: &Session) -> ScenarioView {
    let Some(scenario) = &desk.scenario else { return ScenarioView::default() };
    let (env, tick) = (session.env(), session.tick());
    let line = |(text, step): (&str, Option<u64>)| TimelineLine {
        text: text.into(),
        step,
        past: step.is_some_and(|step| step <= tick),
    };
    let expectation = |(expectation, verdict): (&Expectation, &Verdict)| ExpectationLine {
        name: expectation.name.clone(),
        under: verdict.under.clone(),
        line: expectation.location.line,
        fate: scenario.fate(expectation, verdict, tick),
        watched: expectation.reads(scenario.watched()),
        failure: verdict.failures.first().map(|first| (first.message.clone(), scenario.spot(verdict))),
    };
    ScenarioView {
        path: scenario.path().into(),
        rollouts: scenario.file().rollouts.iter().map(|rollout| rollout.name.clone()).collect(),
        watched: scenario.watched(),
        env,
        lines: scenario.lines(env).map(line).collect(),
        expectations: scenario.verdicts().map(expectation).collect(),
    }
}

fn edits(session: &Session) -> Vec<u64> {
    let mut ticks: Vec<u64> = session.text().log.iter().map(|edit| edit.tick).collect();
    ticks.dedup();
    ticks
}

/// What a graph paid the chosen row so far in the episode looked at.
pub fn episode_return(session: &Session, graph: usize) -> f64 {
    let (env, tick) = (session.env(), session.tick());
    let (from, _) = session.history().episode_span(env, tick);
    let steps = session.history().range(from, tick);
    let paid = steps.filter(|(_, record)| graph < record.epoch.graphs.len());
    paid.map(|(_, record)| f64::from(record.total(graph, env))).sum()
}

/// The reward panel.
pub fn reward(desk: &Desk, session: &Session) -> RewardView {
    let setup = session.setup();
    let graph = desk.reward.graph.min(setup.graphs.len() - 1);
    let kinds: Vec<RuleDoc> = setup.kinds.docs().collect();
    let graphs = (0..setup.graphs.len()).map(|index| {
        let account = session.account(index);
        let title = if index == 0 { setup.reward.clone() } else { setup.graphs[index].name.clone() };
        GraphView { title, episode_return: episode_return(session, index), account }
    });
    let graphs: Vec<GraphView> = graphs.collect();
    let chosen = desk.reward.term.as_deref();
    let line = graphs[graph].account.lines.iter().find(|line| Some(line.path.as_str()) == chosen);
    let watched = |name: &str| setup.reward == name || setup.graphs.iter().any(|graph| graph.name == name);
    let rewards = session.task().rewards.iter().filter(|reward| !watched(reward.name));
    RewardView {
        fields: chosen
            .and_then(|term| number_fields(&setup.graphs[graph].text, term).ok())
            .unwrap_or_default(),
        doc: line
            .and_then(|line| kinds.iter().chain(&COMBINATOR_DOCS).find(|doc| doc.name == line.kind))
            .copied(),
        kinds,
        offers: rewards.map(|reward| (reward.name.into(), reward.about.into())).collect(),
        signals: session.task().signals.iter().map(|signal| signal.name.clone()).collect(),
        can_undo: session.text().can_undo(),
        can_redo: session.text().can_redo(),
        changed: session.text().is_changed(),
        log: session
            .text()
            .log
            .iter()
            .rev()
            .map(|e| format!("step {}, revision {}: {}", e.tick, e.revision, e.text))
            .collect(),
        graphs,
    }
}

/// Contributions over time.
pub fn contributions(desk: &Desk, session: &Session) -> ContributionsView {
    let graphs = &session.setup().graphs;
    let chosen = desk.reward.graph.min(graphs.len() - 1);
    let (from, to) = window(session);
    let env = session.env();
    let mut view = ContributionsView {
        terms: graphs[chosen].term_names().into_iter().map(|name| (name.to_string(), Vec::new())).collect(),
        shadows: (0..graphs.len())
            .filter(|&graph| graph != chosen)
            .map(|graph| (if graph == 0 { "trained".into() } else { graphs[graph].name.clone() }, Vec::new()))
            .collect(),
        tick: session.tick(),
        edits: edits(session),
        ..ContributionsView::default()
    };
    let others: Vec<usize> = (0..graphs.len()).filter(|&graph| graph != chosen).collect();
    let futures: Vec<_> =
        session.lanes().iter().enumerate().filter(|(id, _)| *id != session.lane()).collect();
    view.shadows.extend(futures.iter().map(|(_, lane)| (lane.name.clone(), Vec::new())));
    for (tick, record) in session.history().range(from, to) {
        let paid = |record: &StepRecord, graph: usize| {
            let known = graph < record.epoch.graphs.len();
            if known { record.total(graph, env) } else { f32::NAN }
        };
        view.ticks.push(tick);
        view.totals.push(paid(record, chosen));
        let watching = others.iter().map(|&graph| paid(record, graph));
        let elsewhere = futures.iter().map(|(_, lane)| {
            lane.live.history().record(tick).map_or(f32::NAN, |record| paid(record, chosen))
        });
        view.shadows
            .iter_mut()
            .zip(watching.chain(elsewhere))
            .for_each(|((_, values), value)| values.push(value));
        // An earlier revision may have had other terms: those that are gone pay nothing here.
        let graph = record.epoch.graphs.get(chosen);
        let numbers = graph.map(|_| accounts(record, chosen, env)).unwrap_or_default();
        for (name, values) in &mut view.terms {
            let node = graph.and_then(|graph| graph.nodes.iter().position(|node| node.name == *name));
            values.push(node.map_or(0.0, |node| numbers[node].output));
        }
    }
    view
}

/// Signals over time.
pub fn signals(desk: &Desk, session: &Session) -> SignalsView {
    let catalog = session.live().env().catalog();
    let env = session.env();
    let (from, to) = window(session);
    let specs = catalog.iter().flat_map(|(_, spec)| (0..spec.kind.width()).map(move |_| spec));
    let columns = catalog.column_names().into_iter().zip(specs).enumerate().map(|(column, (name, spec))| {
        SignalColumn {
            name,
            unit: spec.unit.clone(),
            about: spec.description.clone(),
            value: session.record().map_or(0.0, |record| record.signal(column, env)),
        }
    });
    let series = desk.signals.chosen.iter().map(|&column| {
        let values = session.history().range(from, to).map(|(_, record)| record.signal(column, env));
        (column, values.collect())
    });
    SignalsView {
        columns: columns.collect(),
        ticks: session.history().range(from, to).map(|(tick, _)| tick).collect(),
        series: series.collect(),
        tick: session.tick(),
    }
}

/// Return against truth.
pub fn episodes(desk: &Desk, session: &Session) -> EpisodesView {
    let graph = desk.reward.graph.min(session.setup().graphs.len() - 1);
    let point = |episode: &crate::session::EndedEpisode| EpisodePoint {
        env: episode.summary.env as usize,
        episode: episode.summary.episode,
        tick: episode.tick,
        paid: episode.summary.returns.get(graph).copied().unwrap_or(0.0),
        score: f64::from(episode.summary.score),
        success: episode.summary.success,
    };
    let name =
        if graph == 0 { session.setup().reward.clone() } else { session.setup().graphs[graph].name.clone() };
    EpisodesView { episodes: session.live().episodes().iter().map(point).collect(), graph: name }
}

/// The batch at one step.
pub fn batch(session: &Session) -> BatchView {
    let Some(record) = session.record() else { return BatchView::default() };
    let rows = 0..record.rows();
    let mut columns = vec![
        ("reward".to_string(), rows.clone().map(|row| record.total(0, row)).collect::<Vec<f32>>()),
        ("score (truth)".to_string(), record.score.clone()),
        ("step of the episode".to_string(), record.step.iter().map(|&step| step as f32).collect()),
    ];
    let names = session.live().env().catalog().column_names();
    if let Some(name) = names.first() {
        columns.push((name.clone(), rows.map(|row| record.signal(0, row)).collect()));
    }
    BatchView { columns }
}

/// Learning curves of the runs of this task.
pub fn learning(desk: &Desk, session: &Session) -> LearningView {
    let own = |run: &&FoundRun| run.meta.task == session.task().name;
    let runs: Vec<FoundRun> = desk.runs.iter().filter(own).cloned().collect();
    LearningView {
        returns: curves(&runs, "rollout/ep_rew_mean"),
        scores: curves(&runs, "rollout/score_mean"),
    }
}

/// Training.
pub fn training(desk: &Desk, session: &Session) -> TrainingView {
    let setup = session.setup();
    let run = desk.run.as_deref().and_then(|path| desk.runs.iter().find(|run| run.path == path));
    let row = match &desk.training {
        Some(training) => training.rows().last(),
        None => run.and_then(|run| run.rows.last()),
    };
    let tags = [
        "rollout/ep_rew_mean",
        "rollout/score_mean",
        "rollout/success_rate",
        "rollout/ep_len_mean",
        "train/approx_kl",
        "train/clip_fraction",
        "train/explained_variance",
        "train/entropy_loss",
        "time/fps",
    ];
    let metrics = row
        .map(|row| tags.iter().filter_map(|tag| Some((tag.to_string(), *row.values.get(*tag)?))).collect());
    let batch = setup.scene.batch;
    TrainingView {
        learner: format!("{} under the {} reward", setup.learner.algo(), setup.reward),
        batch: (batch.num_envs as usize, batch.num_steps as usize, setup.learner.total_steps()),
        stand: desk.training.as_ref().map_or(Stand::Absent, |training| training.stand().clone()),
        env_steps: row.map_or(0, |row| row.env_steps),
        folder: desk.run.as_ref().map_or_else(String::new, |path| path.display().to_string()),
        metrics: metrics.unwrap_or_default(),
        attached: desk.training.is_none() && desk.run.is_some(),
    }
}

/// Driving by hand.
pub fn hand(desk: &Desk, session: &Session) -> HandView {
    let all = || session.live().episodes().iter().map(|ended| &ended.summary);
    let others: Vec<&EpisodeSummary> = all().filter(|e| e.env as usize != session.env()).collect();
    let mean = |of: &dyn Fn(&EpisodeSummary) -> f64| {
        others.iter().map(|episode| of(episode)).sum::<f64>() / others.len().max(1) as f64
    };
    let last = session.live().last_episode(session.env());
    HandView {
        space: session.task().action.clone(),
        hand: session.hand().map(<[f32]>::to_vec),
        keys: desk.hand.bindings().iter().map(|b| (b.key.name().to_string(), b.what.clone())).collect(),
        own: last.map(|e| (e.summary.returns[0], e.summary.score)),
        others: (!others.is_empty())
            .then_some((mean(&|e| e.returns[0]), mean(&|e| f64::from(e.score)) as f32)),
        kept: desk.played.as_ref().map(|run| (run.path().display().to_string(), run.kept())),
    }
}
