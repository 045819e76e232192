//! [`Session`]: one scene under a person's hands, with its lanes, its clock and its reward.

mod sight;
mod stops;

use std::path::Path;
use std::sync::Arc;

use carrot_lab::scenario::RolloutSpec;
use carrot_lab::{LabError, ModelFiles, Setup};
use carrot_scene::Source;
use carrot_sim::{Frame, TaskSpec};

use crate::session::account::Account;
use crate::session::breakpoint::Breakpoint;
use crate::session::driver::{Driver, Recording};
use crate::session::edits::{LoggedEdit, RewardEdit, RewardText};
use crate::session::history::{History, StepRecord};
use crate::session::live::Live;
use crate::session::mirror::Mirror;

pub use sight::Sight;

/// Which future: 0 is the one that began with the session.
pub type LaneId = usize;

/// Rows that are watched unless somebody asks for more.
pub const ROWS: usize = 16;

/// One future: a batch and who acts in it.
pub struct Lane {
    /// What people call it.
    pub name: String,
    /// The batch.
    pub live: Live,
    /// Who acts.
    pub driver: Driver,
}

/// One scene under a person's hands.
pub struct Session {
    setup: Arc<Setup>,
    text: RewardText,
    lanes: Vec<Lane>,
    lane: LaneId,
    env: usize,
    wall: usize,
    cursor: Option<u64>,
    playing: bool,
    speed: f32,
    /// Steps owed to the clock, a fraction.
    owed: f32,
    breakpoints: Vec<Breakpoint>,
    stopped_by: Option<String>,
    hand: Option<Vec<f32>>,
    mirror: Mirror,
    /// The rollout of a scenario that is played, where it is one.
    rollout: Option<RolloutSpec>,
}

impl Session {
    /// A session on a scene, driven by the task's expert, or by chance where there is none.
    ///
    /// # Errors
    /// Every mistake of the scene at once, or what the batch lacks.
    pub fn open(source: Source, models: ModelFiles, rows: usize) -> Result<Self, LabError> {
        let setup = Setup::read::<&str>(&source, &[], models)?;
        let driver = setup.task.spec().scripts.first().map_or(Driver::Random, |s| Driver::Script(*s));
        Self::begin(source, setup, driver, rows)
    }

    /// A session on a rollout of a scenario that was played before: the same envs meet the same again.
    ///
    /// # Errors
    /// When the batch cannot be built.
    pub fn open_rollout(scene: Source, rollout: RolloutSpec, recording: Recording) -> Result<Self, LabError> {
        let setup = Setup::read::<&str>(&scene, &[], ModelFiles::new())?.in_rollout(&rollout);
        let session = Self::begin(scene, setup, Driver::Recording(recording), rollout.envs)?;
        Ok(Self { rollout: Some(rollout), ..session })
    }

    fn begin(source: Source, setup: Setup, driver: Driver, rows: usize) -> Result<Self, LabError> {
        let setup = Arc::new(setup);
        let live = Live::new(setup.clone(), rows.max(1))?;
        Ok(Self {
            text: RewardText::new(source),
            lanes: vec![Lane { name: "main".into(), live, driver }],
            lane: 0,
            env: 0,
            wall: 1,
            cursor: None,
            playing: false,
            speed: 1.0,
            owed: 0.0,
            breakpoints: Vec::new(),
            stopped_by: None,
            hand: None,
            mirror: Mirror::new(&setup)?,
            rollout: None,
            setup,
        })
    }

    /// A session on a scene file.
    ///
    /// # Errors
    /// Those of [`Session::open`].
    pub fn open_file(path: &Path, models: &ModelFiles) -> Result<Self, LabError> {
        Self::open(Source::read(path)?, models.clone(), ROWS)
    }

    /// The scene with every name resolved.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// The task.
    pub fn task(&self) -> &TaskSpec {
        self.setup.task.spec()
    }

    /// The scene's text under edit.
    pub fn text(&self) -> &RewardText {
        &self.text
    }

    /// All futures, the first one first.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The future that is looked at.
    pub fn lane(&self) -> LaneId {
        self.lane
    }

    /// The batch that is looked at.
    pub fn live(&self) -> &Live {
        &self.lanes[self.lane].live
    }

    /// Its past.
    pub fn history(&self) -> &History {
        self.live().history()
    }

    /// The row that is looked at.
    pub fn env(&self) -> usize {
        self.env
    }

    /// Rows that are drawn, the chosen one among them.
    pub fn wall(&self) -> usize {
        self.wall
    }

    /// The tick that is looked at.
    pub fn tick(&self) -> u64 {
        self.cursor.unwrap_or_else(|| self.live().tick())
    }

    /// Whether the newest tick is looked at.
    pub fn is_live(&self) -> bool {
        self.cursor.is_none()
    }

    /// Whether time goes on.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Speed against real time.
    pub fn speed(&self) -> f32 {
        self.speed
    }

    /// Who acts in the future that is looked at.
    pub fn driver(&self) -> &Driver {
        &self.lanes[self.lane].driver
    }

    /// The action given by hand, while one is.
    pub fn hand(&self) -> Option<&[f32]> {
        self.hand.as_deref()
    }

    /// The conditions at which playing stops.
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.breakpoints
    }

    /// The condition that stopped it last.
    pub fn stopped_by(&self) -> Option<&str> {
        self.stopped_by.as_deref()
    }

    /// The step that led to what is looked at; `None` before the first.
    pub fn record(&self) -> Option<&StepRecord> {
        self.history().record(self.tick())
    }

    /// What a graph paid at the tick that is looked at.
    pub fn account(&self, graph: usize) -> Account {
        match self.record().filter(|record| graph < record.epoch.graphs.len()) {
            Some(record) => Account::of(record, graph, self.env),
            None => Account::unpaid(self.live().epoch(), graph.min(self.setup.graphs.len() - 1)),
        }
    }

    /// Frames of the drawn rows at the tick that is looked at, the chosen row first where it stands alone.
    ///
    /// # Errors
    /// When a row cannot be drawn.
    pub fn frames(&mut self) -> Result<Vec<Frame>, LabError> {
        let rows = self.drawn_rows();
        match self.cursor {
            None => self.lanes[self.lane].live.frames(&rows),
            Some(tick) => {
                let (lane, mirror) = (self.lane, &mut self.mirror);
                let history = self.lanes[lane].live.history();
                rows.iter().map(|&row| mirror.frame(lane, history, row, tick)).collect()
            }
        }
    }

    /// The rows that are drawn.
    pub fn drawn_rows(&self) -> Vec<usize> {
        let rows = self.live().rows();
        if self.wall <= 1 { vec![self.env] } else { (0..self.wall.min(rows)).collect() }
    }

    /// Lets time go on by some seconds of the wall clock, while the budget in steps lasts.
    ///
    /// # Errors
    /// What [`Session::step`] gives.
    pub fn advance(&mut self, secs: f32, mut may_step: impl FnMut() -> bool) -> Result<(), LabError> {
        if !self.playing {
            return Ok(());
        }
        self.owed += secs * self.speed / self.task().control_dt;
        while self.owed >= 1.0 && self.playing {
            if !may_step() {
                // A machine that is too slow plays slower; it does not run after the clock.
                self.owed = 0.0;
                break;
            }
            self.owed -= 1.0;
            self.step()?;
        }
        Ok(())
    }

    /// One step: of the past where it is looked at, else of every future.
    ///
    /// # Errors
    /// When a system panicked, or a model or the policy failed; playing stops then.
    pub fn step(&mut self) -> Result<(), LabError> {
        if let Some(tick) = self.cursor {
            let next = tick + 1;
            self.cursor = (next < self.live().tick()).then_some(next);
        } else {
            for (id, lane) in self.lanes.iter_mut().enumerate() {
                let by_hand = self.hand.as_deref().filter(|_| id == self.lane).map(|hand| (self.env, hand));
                if let Err(error) = lane.live.step(&mut lane.driver, by_hand) {
                    self.playing = false;
                    return Err(error);
                }
            }
        }
        self.stop_at_breakpoints();
        if self.playing && self.driver().ends_at() == Some(self.tick()) {
            self.playing = false;
            self.stopped_by = Some("the rollout is over".into());
        }
        Ok(())
    }

    /// Lets time go on; a rollout that is over begins again.
    pub fn play(&mut self) {
        if self.driver().ends_at().is_some_and(|end| self.tick() >= end) {
            self.seek(self.history().first());
        }
        (self.playing, self.stopped_by, self.owed) = (true, None, 0.0);
    }

    /// Stops time.
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// Sets the speed against real time.
    pub fn set_speed(&mut self, speed: f32) {
        self.speed = speed.clamp(0.05, 64.0);
    }

    /// Looks at a kept tick; the newest one is live.
    pub fn seek(&mut self, tick: u64) {
        let (first, last) = (self.history().first(), self.history().last());
        self.cursor = (tick < last).then_some(tick.max(first));
        self.stopped_by = None;
    }

    /// One step back.
    pub fn step_back(&mut self) {
        self.pause();
        self.seek(self.tick().saturating_sub(1));
    }

    /// Looks at the newest tick.
    pub fn go_live(&mut self) {
        self.cursor = None;
    }

    /// Forgets all after the tick that is looked at, and goes on from there.
    ///
    /// # Errors
    /// When the tick is not kept.
    pub fn rewind(&mut self) -> Result<(), LabError> {
        let tick = self.tick();
        let lane = &mut self.lanes[self.lane];
        lane.live.rewind(tick)?;
        lane.driver.forget();
        self.cursor = None;
        self.mirror.forget();
        Ok(())
    }

    /// A second future from the tick that is looked at, under another driver; it is looked at from then on. A
    /// second future that was there is let go.
    ///
    /// # Errors
    /// When the tick is not kept.
    pub fn branch(&mut self, driver: Driver) -> Result<(), LabError> {
        let tick = self.tick();
        let live = self.live().branch(tick)?;
        // The main future must be where the branch begins, or both would not run side by side.
        self.lanes.truncate(1);
        self.lanes.push(Lane { name: format!("branch at {tick}: {}", driver.name()), live, driver });
        self.lane = 1;
        self.cursor = None;
        self.mirror.forget();
        Ok(())
    }

    /// Looks at another future.
    pub fn select_lane(&mut self, lane: LaneId) {
        if lane < self.lanes.len() && lane != self.lane {
            self.lane = lane;
            self.cursor = None;
        }
    }

    /// Lets the second future go.
    pub fn close_branch(&mut self) {
        self.lanes.truncate(1);
        (self.lane, self.cursor) = (0, None);
        self.mirror.forget();
    }

    /// Puts another driver at the wheel.
    pub fn set_driver(&mut self, driver: Driver) {
        self.lanes[self.lane].driver = driver;
        self.cursor = None;
    }

    /// Gives an action by hand for the chosen row, until `None`.
    pub fn set_hand(&mut self, action: Option<Vec<f32>>) {
        let width = self.task().action.width();
        self.hand = action.filter(|action| action.len() == width);
    }

    /// Looks at another row.
    pub fn select_env(&mut self, env: usize) {
        self.env = env.min(self.live().rows() - 1);
    }

    /// Draws so many rows.
    pub fn set_wall(&mut self, wall: usize) {
        self.wall = wall.clamp(1, self.live().rows());
    }

    /// Begins anew with another number of rows, under the reward as it stands.
    ///
    /// # Errors
    /// When the batch cannot be built.
    pub fn restart(&mut self, rows: usize) -> Result<(), LabError> {
        let live = Live::new(self.setup.clone(), rows.max(1))?;
        self.close_branch();
        let lane = &mut self.lanes[0];
        lane.live = live;
        lane.driver.forget();
        self.env = self.env.min(rows.max(1) - 1);
        self.wall = self.wall.min(rows.max(1));
        Ok(())
    }

    /// Changes the reward of every future from the next step on. Edits of one gesture are undone together.
    ///
    /// # Errors
    /// When the reward that results is refused; nothing is changed then.
    pub fn edit(&mut self, change: &RewardEdit, gesture: Option<u64>) -> Result<(), LabError> {
        let edited = self.text.with(&self.setup, change)?;
        self.put_in_force(&edited)?;
        self.text.commit(edited, gesture);
        self.log(change.to_string());
        Ok(())
    }

    /// Takes the last edit back.
    ///
    /// # Errors
    /// When the batch cannot be built for it.
    pub fn undo(&mut self) -> Result<(), LabError> {
        if let Some(before) = self.text.peek_undo().cloned() {
            self.put_in_force(&before)?;
            self.text.undo();
            self.log("undo".into());
        }
        Ok(())
    }

    /// Makes the edit again that was last taken back.
    ///
    /// # Errors
    /// When the batch cannot be built for it.
    pub fn redo(&mut self) -> Result<(), LabError> {
        if let Some(after) = self.text.peek_redo().cloned() {
            self.put_in_force(&after)?;
            self.text.redo();
            self.log("redo".into());
        }
        Ok(())
    }

    fn put_in_force(&mut self, source: &Source) -> Result<(), LabError> {
        let setup = Setup::read::<&str>(source, &[], self.setup.models.clone())?;
        let setup = Arc::new(match &self.rollout {
            Some(rollout) => setup.in_rollout(rollout),
            None => setup,
        });
        for lane in &mut self.lanes {
            lane.live.revise(setup.clone())?;
        }
        self.setup = setup;
        Ok(())
    }

    fn log(&mut self, text: String) {
        let revision = self.live().epoch().revision.number;
        self.text.log.push(LoggedEdit { tick: self.live().tick(), revision, text });
    }

    /// Writes the scene with its edits.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn save(&mut self, path: &Path) -> Result<(), LabError> {
        self.text.save(path)
    }
}
