//! The desk: all that the window holds between two frames, and what every action does to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrot_lab::saved::SavedRun;
use carrot_lab::{LabError, ModelFiles};
use carrot_scene::Source;

use crate::action::{Action, Side, Tab};
use crate::field::Field;
use crate::film;
use crate::hand::Hand;
use crate::panels::reward::RewardState;
use crate::panels::signals::SignalsState;
use crate::panels::start::StartView;
use crate::panels::timeline::TimelineState;
use crate::runs::{FoundRun, find_runs};
use crate::session::driver::Policy;
use crate::session::scenario::Spot;
use crate::session::training::Training;
use crate::session::{Driver, RewardEdit, Scenario, Session};
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
}

impl Default for Places {
    fn default() -> Self {
        Self { scenes: "scenes".into(), runs: "runs".into(), pictures: "pictures".into() }
    }
}

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
    /// The run that was opened, or is trained here.
    pub run: Option<PathBuf>,
    /// The training of this window.
    pub training: Option<Training>,
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
    /// Whether the reward is laid out as a field on the floor.
    pub shows_field: bool,
    /// The field that is laid out.
    pub field: Option<Field>,
    /// What the reward panel remembers.
    pub reward: RewardState,
    /// What the timeline remembers.
    pub timeline: TimelineState,
    /// What the signal panel remembers.
    pub signals: SignalsState,
    /// The hand on the wheel.
    pub hand: Hand,
    /// Messages, newest last.
    pub notices: Vec<String>,
    /// What the window shall do.
    pub errands: Vec<Errand>,
    /// Weights of terms that were turned off, by graph and path.
    silenced: BTreeMap<(usize, String), f32>,
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
            run: None,
            training: None,
            runs: Vec::new(),
            start: StartView::default(),
            tab: Tab::default(),
            side: Side::default(),
            dark: true,
            follow: false,
            is_bare: false,
            shows_field: false,
            field: None,
            reward: RewardState::default(),
            timeline: TimelineState::default(),
            signals: SignalsState::default(),
            hand: Hand::default(),
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
        }
        self.since_refresh += secs;
        if self.since_refresh > REFRESH_SECS {
            self.since_refresh = 0.0;
            self.refresh_runs();
        }
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
        self.scenario = None;
        if self.start.scenes.is_empty() {
            let (scenes, notes) = shelf::scene_cards(&self.places.scenes);
            (self.start.scenes, self.start.notes) = (scenes, notes);
            self.start.scenarios = shelf::scenario_cards(&self.places.scenes);
        }
        self.runs = find_runs(&self.places.runs);
        self.start.runs = shelf::run_cards(&self.runs);
    }

    fn open_scene(&mut self, path: &Path) -> Result<(), LabError> {
        let session = Session::open_file(path)?;
        self.put_on_desk(session);
        self.scene_path = Some(path.to_path_buf());
        self.run = None;
        Ok(())
    }

    fn open_scenario(&mut self, path: &Path) -> Result<(), LabError> {
        let mut scenario = Scenario::open(path)?;
        let session = scenario.watch(scenario.watched())?;
        self.put_on_desk(session);
        self.scenario = Some(scenario);
        (self.run, self.side) = (None, Side::Scenario);
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
        (self.scene_path, self.scenario) = (None, None);
        if self.side == Side::Scenario {
            self.side = Side::Reward;
        }
        self.session = Some(session);
        self.errands.push(Errand::ResetCamera);
    }

    fn perform(&mut self, action: Action) -> Result<(), LabError> {
        match action {
            Action::GoHome => self.go_home(),
            Action::OpenScene(path) => self.open_scene(&path)?,
            Action::OpenScenario(path) => self.open_scenario(&path)?,
            Action::WatchRollout(rollout) => self.watch_rollout(rollout)?,
            Action::LookAt(spot) => self.look_at(spot)?,
            Action::OpenRun(path) => self.open_run(&path)?,
            Action::ShowTab(tab) => {
                self.tab = tab;
                self.refresh_runs();
            }
            Action::ShowSide(Side::Scenario) if self.scenario.is_none() => {
                self.note("Open a scenario first: a file with rollouts and what is expected of them");
            }
            Action::ShowSide(side) => self.side = side,
            Action::SetDark(dark) => self.dark = dark,
            Action::ResetCamera => self.errands.push(Errand::ResetCamera),
            Action::Follow(follow) => self.follow = follow,
            Action::HidePanels(hide) => self.is_bare = hide,
            Action::ShowField(shows) => (self.shows_field, self.field) = (shows, None),
            Action::SavePicture => {
                let path = self.next_picture("png")?;
                self.errands.push(Errand::Picture(path));
            }
            Action::SaveAnimation => {
                let path = self.next_picture(film::suffix(film::encoder().as_deref()))?;
                self.errands.push(Errand::Animation(path));
            }
            Action::Dismiss(index) if index < self.notices.len() => drop(self.notices.remove(index)),
            Action::Dismiss(_) => {}
            Action::StartTraining
            | Action::PauseTraining(_)
            | Action::StopTraining
            | Action::CheckpointTraining => {
                self.train(&action)?;
            }
            Action::UseCheckpoint => self.watch_policy()?,
            other => self.perform_in_session(other)?,
        }
        Ok(())
    }

    fn perform_in_session(&mut self, action: Action) -> Result<(), LabError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        match action {
            Action::TogglePlay if session.is_playing() => session.pause(),
            Action::TogglePlay => session.play(),
            Action::StepOnce => {
                session.pause();
                session.step()?;
            }
            Action::StepBack => session.step_back(),
            Action::GoLive => session.go_live(),
            Action::Seek(tick) => {
                session.pause();
                session.seek(tick);
            }
            Action::Replay { env, tick } => {
                session.select_env(env);
                let (first, _) = session.history().episode_span(env, tick);
                session.seek(first);
                session.play();
            }
            Action::SetSpeed(speed) => session.set_speed(speed),
            Action::Rewind => session.rewind()?,
            Action::Branch(name) => {
                let driver = driver_by_name(session, &name)?;
                session.branch(driver)?;
            }
            Action::SelectLane(lane) => session.select_lane(lane),
            Action::CloseBranch => session.close_branch(),
            Action::AddBreakpoint(text) => session.add_breakpoint(&text)?,
            Action::RemoveBreakpoint(index) => session.remove_breakpoint(index),
            Action::EnableBreakpoint(index, enabled) => session.enable_breakpoint(index, enabled),
            Action::SetDriver(name) => {
                let driver = driver_by_name(session, &name)?;
                session.set_driver(driver);
            }
            Action::SelectEnv(env) => session.select_env(env),
            Action::SetWall(wall) => {
                if wall > session.live().rows() {
                    session.restart(wall)?;
                }
                session.set_wall(wall);
                self.errands.push(Errand::ResetCamera);
            }
            Action::TakeWheel(on) => session.set_hand(on.then(|| self.hand.idle().to_vec())),
            Action::Steer(action) => session.set_hand(Some(action)),
            Action::Edit(edit, gesture) => {
                session.edit(&edit, gesture)?;
                self.tell_training(&edit);
            }
            Action::Switch { graph, path, on } => self.switch(graph, &path, on)?,
            Action::Undo => session.undo()?,
            Action::Redo => session.redo()?,
            Action::Save => self.save()?,
            _ => {}
        }
        Ok(())
    }

    /// Turns a term off or on: its weight becomes 0, or what it was.
    fn switch(&mut self, graph: usize, path: &str, on: bool) -> Result<(), LabError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let key = (graph, path.to_string());
        let account = session.account(graph);
        let now = account.lines.iter().find(|line| line.path == path).map_or(1.0, |line| line.weight);
        let weight = match on {
            true => self.silenced.remove(&key).unwrap_or(1.0),
            false => {
                self.silenced.insert(key, now);
                0.0
            }
        };
        let edit = RewardEdit::Set { graph, path: format!("{path}.weight"), value: format!("{weight:?}") };
        session.edit(&edit, None)?;
        self.tell_training(&edit);
        Ok(())
    }

    /// Hands a weight on to the training under way; what else is edited waits for the next training.
    fn tell_training(&mut self, edit: &RewardEdit) {
        let (Some(session), Some(training)) = (&self.session, &self.training) else { return };
        let RewardEdit::Set { graph, path, value } = edit else {
            self.note("The training under way keeps its terms; start another to train on these.");
            return;
        };
        let line = path.strip_suffix(".weight").and_then(|term| {
            let account = crate::session::Account::unpaid(session.live().epoch(), *graph);
            account.lines.into_iter().find(|line| line.path == term)
        });
        match (line, value.parse()) {
            (Some(line), Ok(weight)) => training.set_weight(*graph, line.node, weight),
            _ => self.note("The training under way takes new weights alone; start another to train on this."),
        }
    }

    fn save(&mut self) -> Result<(), LabError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let path = match &self.scene_path {
            Some(path) => path.clone(),
            None => {
                let name = session.task().name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_");
                self.places.scenes.join(format!("{name}_edited.ron"))
            }
        };
        session.save(&path)?;
        self.scene_path = Some(path.clone());
        self.note(format!("Saved {}", path.display()));
        Ok(())
    }

    fn train(&mut self, action: &Action) -> Result<(), LabError> {
        match (action, &self.training, &self.session) {
            (Action::StartTraining, _, Some(session)) => {
                self.training = Some(Training::start(session.setup().as_ref().clone(), &self.places.runs)?);
                self.side = Side::Training;
                self.tab = Tab::Learning;
            }
            (Action::PauseTraining(pause), Some(training), _) => training.pause(*pause),
            (Action::StopTraining, Some(training), _) => training.stop(),
            (Action::CheckpointTraining, Some(training), _) => training.checkpoint(),
            _ => {}
        }
        Ok(())
    }

    fn watch_policy(&mut self) -> Result<(), LabError> {
        let nothing = || LabError::Refused("there is no run whose policy could be watched".into());
        let run = self.run.clone().ok_or_else(nothing)?;
        let policy = Policy::of_run(&run)?;
        if let Some(session) = &mut self.session {
            session.set_driver(Driver::Policy(policy));
        }
        Ok(())
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

fn driver_by_name(session: &Session, name: &str) -> Result<Driver, LabError> {
    let found = Driver::by_name(session.task(), name);
    found.ok_or_else(|| LabError::Refused(format!("{} has no script `{name}`", session.task().name)))
}
