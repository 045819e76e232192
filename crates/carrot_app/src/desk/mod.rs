//! The desk: all that the window holds between two frames, and what every action does to it.

mod opening;
mod perform;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrot_lab::played::PlayedRun;
use carrot_lab::saved::SavedRun;
use carrot_lab::{LabError, ModelFiles};
use carrot_scene::Source;

pub use opening::Opening;

use crate::action::{Action, Side, Tab};
use crate::field::{Field, Fields};
use crate::hand::Hand;
use crate::labels::Labels;
use crate::panels::reward::RewardState;
use crate::panels::signals::SignalsState;
use crate::panels::start::StartView;
use crate::panels::timeline::TimelineState;
use crate::panels::words::{SightView, image};
use crate::runs::{FoundRun, find_runs};
use crate::session::driver::Policy;
use crate::session::scenario::Spot;
use crate::session::training::{Stand, Training};
use crate::session::{Driver, LaneId, Scenario, Session, Sight};
use crate::shelf;

/// Seconds between two looks at runs that others write.
const REFRESH_SECS: f32 = 2.0;

/// Where things lie.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of scenes for the start page.
    pub scenes: PathBuf,
    /// Folder of runs.
    pub runs: PathBuf,
    /// Folder for pictures.
    pub pictures: PathBuf,
    /// Models that scenes may name.
    pub models: ModelFiles,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            scenes: "scenes".into(),
            runs: "runs".into(),
            pictures: "pictures".into(),
            models: ModelFiles::new(),
        }
    }
}

/// The step that a model sees: lane, row, tick, graph and node of the term.
pub type Seen = (LaneId, usize, u64, usize, usize);

/// Something that the window does beyond the desk: it owns camera and screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// The camera goes home.
    ResetCamera,
    /// A picture of the window to a file.
    Picture(PathBuf),
    /// An animation of the chosen row's episode to a file.
    Animation(PathBuf),
}

/// All that the window holds.
pub struct Desk {
    /// Where things lie.
    pub places: Places,
    /// The scene under the person's hands; none on the start page.
    pub session: Option<Session>,
    /// The scene's file.
    pub scene_path: Option<PathBuf>,
    /// The scenario that is watched.
    pub scenario: Option<Scenario>,
    /// The scenario that is being played on its way here.
    pub opening: Option<Opening>,
    /// The run that was opened, or is trained here.
    pub run: Option<PathBuf>,
    /// The training of this window.
    pub training: Option<Training>,
    /// What a model sees of the shown step, and of which: lane, row, tick, graph, node.
    pub sight: Option<(Seen, Result<SightView, String>)>,
    /// What the run on the desk asks people.
    pub labels: Option<Labels>,
    /// Runs on disk.
    pub runs: Vec<FoundRun>,
    /// The start page.
    pub start: StartView,
    /// What the lower part shows.
    pub tab: Tab,
    /// What the right side shows.
    pub side: Side,
    /// Dark or light.
    pub dark: bool,
    /// Whether the camera follows.
    pub follow: bool,
    /// Whether the panels are put away, so that the world has the whole window.
    pub is_bare: bool,
    /// Whether the page of keys is shown.
    pub shows_keys: bool,
    /// Whether the reward is laid out as a field on the floor.
    pub shows_field: bool,
    /// The field that is laid out.
    pub field: Option<Field>,
    /// What makes it.
    pub fields: Fields,
    /// What the reward panel remembers.
    pub reward: RewardState,
    /// What the timeline remembers.
    pub timeline: TimelineState,
    /// What the signal panel remembers.
    pub signals: SignalsState,
    /// The hand on the wheel.
    pub hand: Hand,
    /// The run folder of episodes that were kept, once there are some.
    pub played: Option<PlayedRun>,
    /// Messages, newest last.
    pub notices: Vec<String>,
    /// What the window shall do.
    pub errands: Vec<Errand>,
    /// Weights of terms that were turned off, by graph and path.
    silenced: BTreeMap<(usize, String), f32>,
    /// The run that was looked at for questions.
    asked: Option<PathBuf>,
    since_refresh: f32,
    pictures: u32,
}

impl Desk {
    /// A desk with the start page on it.
    pub fn new(places: Places) -> Self {
        let mut desk = Self {
            places,
            session: None,
            scene_path: None,
            scenario: None,
            opening: None,
            run: None,
            training: None,
            sight: None,
            labels: None,
            asked: None,
            runs: Vec::new(),
            start: StartView::default(),
            tab: Tab::default(),
            side: Side::default(),
            dark: true,
            follow: false,
            is_bare: false,
            shows_keys: false,
            shows_field: false,
            field: None,
            fields: Fields::default(),
            reward: RewardState::default(),
            timeline: TimelineState::default(),
            signals: SignalsState::default(),
            hand: Hand::default(),
            played: None,
            notices: Vec::new(),
            errands: Vec::new(),
            silenced: BTreeMap::new(),
            since_refresh: 0.0,
            pictures: 0,
        };
        desk.go_home();
        desk
    }

    /// Opens what a person named on the command line: a scene, a scenario or a run's folder.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn open(&mut self, path: &Path) -> Result<(), LabError> {
        match path {
            run if run.is_dir() => self.open_run(run),
            scenario if Scenario::is_one(scenario) => self.open_scenario(scenario),
            scene => self.open_scene(scene),
        }
    }

    /// Does what a person asked for; what goes wrong becomes a notice.
    pub fn apply(&mut self, action: Action) {
        if let Err(error) = self.perform(action) {
            self.note(error.to_string());
        }
    }

    /// A message for the person.
    pub fn note(&mut self, message: impl Into<String>) {
        let message = message.into();
        if self.notices.last() != Some(&message) {
            self.notices.push(message);
        }
        let surplus = self.notices.len().saturating_sub(4);
        self.notices.drain(..surplus);
    }

    /// Whether a training of this window is under way.
    pub fn is_training(&self) -> bool {
        let stand = self.training.as_ref().map(Training::stand);
        matches!(stand, Some(Stand::Running | Stand::Paused))
    }

    /// Nothing can be shown any more: keeps edits that no file holds, and says what was lost, what goes on and what to
    /// do.
    pub fn lose_sight(&mut self, why: &str) -> String {
        let why = why.lines().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
        let kept = self.rescue().map_or_else(String::new, |path| format!("; edits: {}", path.display()));
        let run = self.training.as_ref().and_then(Training::folder);
        let rest = match run.filter(|_| self.is_training()) {
            Some(run) => format!("training goes on; look again with: carrot-app {}", run.display()),
            None => run.map_or_else(
                || "start the window again".into(),
                |run| format!("go on with: carrot-app {}", run.display()),
            ),
        };
        format!("the graphics device failed: {}{kept}; {rest}", why.trim())
    }

    /// Writes a scene with edits that no file holds beside its file.
    fn rescue(&mut self) -> Option<PathBuf> {
        let session = self.session.as_mut().filter(|session| session.text().is_changed())?;
        let scene = self.scene_path.clone().unwrap_or_else(|| self.places.runs.join("scene.ron"));
        let path = scene.with_extension("rescued.ron");
        session.save(&path).ok().map(|()| path)
    }

    /// Lets time go on; `may_step` says whether there is time for one more step in this frame.
    pub fn advance(&mut self, secs: f32, may_step: impl FnMut() -> bool) {
        if let Some(session) = &mut self.session
            && let Err(error) = session.advance(secs, may_step)
        {
            self.note(error.to_string());
        }
        if let Some(training) = &mut self.training {
            training.listen();
            self.run = training.folder().map(Path::to_path_buf).or(self.run.take());
            let refused = training.take_refused();
            refused.into_iter().for_each(|why| self.note(why));
        }
        self.look();
        if let Err(error) = self.receive_scenario() {
            self.note(error.to_string());
        }
        if let Err(error) = self.ask(secs) {
            self.note(error.to_string());
        }
        self.since_refresh += secs;
        if self.since_refresh > REFRESH_SECS {
            self.since_refresh = 0.0;
            self.refresh_runs();
        }
    }

    /// The term about pictures that is shown: the chosen one, or the first.
    pub fn asking(&self, session: &Session) -> Option<(usize, usize)> {
        let graph = self.reward.graph.min(session.setup().graphs.len() - 1);
        let account = session.account(graph);
        let chosen = account.lines.iter().find(|line| Some(&line.path) == self.reward.term.as_ref());
        let chosen = chosen.map(|line| (graph, line.node));
        chosen.filter(|&(graph, node)| session.asked(graph, node).is_some()).or_else(|| {
            let all = session.asking();
            all.iter().find(|(own, _)| *own == graph).or(all.first()).copied()
        })
    }

    /// Shows the shown step to the model of the term about pictures, while that is looked at.
    fn look(&mut self) {
        let term = self.session.as_ref().filter(|_| self.tab == Tab::Words);
        let Some((graph, node)) = term.and_then(|session| self.asking(session)) else { return };
        let Some(session) = &mut self.session else { return };
        let seen = (session.lane(), session.env(), session.tick(), graph, node);
        if self.sight.as_ref().is_none_or(|(last, _)| *last != seen) {
            let sight = session.look(graph, node).map(|Sight { picture, answer }| SightView {
                picture: Arc::new(image(picture.size, &picture.rgb)),
                answer,
                score: session.record().map_or(0.0, |record| record.score[session.env()]),
            });
            self.sight = Some((seen, sight.map_err(|error| error.to_string())));
        }
    }

    /// Puts what the run on the desk asks people before them, and lets its clips go on.
    fn ask(&mut self, secs: f32) -> Result<(), LabError> {
        if self.run != self.asked {
            self.asked.clone_from(&self.run);
            self.labels = None;
            let found = self.run.as_deref().map_or(Ok(None), Labels::of_run)?;
            if let Some((labels, bad)) = found {
                self.labels = Some(labels);
                bad.iter().for_each(|line| self.note(line.to_string()));
            } else if self.side == Side::Labels {
                self.side = Side::Reward;
            }
        }
        let bad = self.labels.as_mut().map_or(Ok(Vec::new()), |labels| labels.advance(secs))?;
        bad.iter().for_each(|line| self.note(line.to_string()));
        Ok(())
    }

    /// Reads again what others may have written meanwhile.
    fn refresh_runs(&mut self) {
        let shows_runs = self.session.is_none() || self.tab == Tab::Learning || self.run.is_some();
        if shows_runs {
            self.runs = find_runs(&self.places.runs);
            if let Some(run) =
                self.run.as_deref().filter(|run| !self.runs.iter().any(|found| found.path == *run))
            {
                self.runs.extend(FoundRun::read(run).ok());
            }
            self.start.runs = shelf::run_cards(&self.runs);
        }
    }

    fn go_home(&mut self) {
        self.session = None;
        self.scene_path = None;
        (self.scenario, self.opening) = (None, None);
        if self.start.scenes.is_empty() {
            let (scenes, notes) = shelf::scene_cards(&self.places.scenes, &self.places.models);
            (self.start.scenes, self.start.notes) = (scenes, notes);
            self.start.scenarios = shelf::scenario_cards(&self.places.scenes);
        }
        self.runs = find_runs(&self.places.runs);
        self.start.runs = shelf::run_cards(&self.runs);
    }

    fn open_scene(&mut self, path: &Path) -> Result<(), LabError> {
        let session = Session::open_file(path, &self.places.models)?;
        self.put_on_desk(session);
        self.scene_path = Some(path.to_path_buf());
        self.run = None;
        Ok(())
    }

    /// Puts a scenario on the desk once it is played; what is there stays until then.
    fn receive_scenario(&mut self) -> Result<(), LabError> {
        let Some(opened) = self.opening.as_mut().and_then(Opening::listen) else { return Ok(()) };
        self.opening = None;
        let mut scenario = opened?;
        let session = scenario.watch(scenario.watched())?;
        self.put_on_desk(session);
        self.scenario = Some(scenario);
        (self.run, self.side) = (None, Side::Scenario);
        Ok(())
    }

    fn open_scenario(&mut self, path: &Path) -> Result<(), LabError> {
        self.opening = Some(Opening::start(path)?);
        Ok(())
    }

    fn watch_rollout(&mut self, rollout: usize) -> Result<(), LabError> {
        let Some(scenario) = &mut self.scenario else { return Ok(()) };
        let session = scenario.watch(rollout)?;
        let (scenario, side) = (self.scenario.take(), self.side);
        self.put_on_desk(session);
        (self.scenario, self.side) = (scenario, side);
        Ok(())
    }

    /// Looks at a place of the scenario, which is played as far as that first.
    fn look_at(&mut self, spot: Spot) -> Result<(), LabError> {
        if self.scenario.as_ref().is_some_and(|scenario| scenario.watched() != spot.rollout) {
            self.watch_rollout(spot.rollout)?;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        session.pause();
        session.select_env(spot.env);
        session.go_live();
        while session.tick() < spot.step {
            session.step()?;
        }
        session.seek(spot.step);
        Ok(())
    }

    fn open_run(&mut self, path: &Path) -> Result<(), LabError> {
        let saved = SavedRun::open(path)?;
        let models: ModelFiles = saved.setup().models.clone();
        let source = saved.setup().scene.source();
        let source = Source::new(source.name(), source.text());
        let mut session = Session::open(source, models, crate::session::ROWS)?;
        let policy = Policy::of_run(path).map(|policy| session.set_driver(Driver::Policy(policy)));
        self.put_on_desk(session);
        if let Err(error) = policy {
            self.note(format!("the run has no policy to watch yet: {error}"));
        }
        self.run = Some(path.to_path_buf());
        self.tab = Tab::Learning;
        self.side = Side::Training;
        self.refresh_runs();
        Ok(())
    }

    fn put_on_desk(&mut self, session: Session) {
        let columns = session.live().env().catalog().width();
        self.signals.chosen = (0..columns.min(3)).collect();
        let first = session.account(0).lines.first().map(|line| line.path.clone());
        self.reward = RewardState { term: first, ..RewardState::default() };
        self.silenced.clear();
        self.hand = Hand::new(&session.task().action);
        self.notices.clear();
        (self.scene_path, self.scenario, self.opening) = (None, None, None);
        if self.side == Side::Scenario {
            self.side = Side::Reward;
        }
        if self.tab == Tab::Words && session.asking().is_empty() {
            self.tab = Tab::default();
        }
        self.sight = None;
        self.session = Some(session);
        self.errands.push(Errand::ResetCamera);
    }

    /// A file for the next picture that does not exist yet.
    fn next_picture(&mut self, suffix: &str) -> Result<PathBuf, LabError> {
        let folder = &self.places.pictures;
        std::fs::create_dir_all(folder).map_err(LabError::file("cannot create the folder", folder))?;
        loop {
            self.pictures += 1;
            let path = folder.join(format!("carrot_{:03}.{suffix}", self.pictures));
            if !path.exists() {
                return Ok(path);
            }
        }
    }
}
