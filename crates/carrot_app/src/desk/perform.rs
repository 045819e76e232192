//! What every action does to the desk.

use carrot_lab::LabError;
use carrot_lab::played::PlayedRun;

use super::{Desk, Errand};
use crate::action::{Action, Side, Tab};
use crate::film;
use crate::labels::Labels;
use crate::session::driver::Policy;
use crate::session::fields::PARAMS;
use crate::session::training::{Knob, Training, Turn};
use crate::session::{Driver, RewardEdit, Session};

impl Desk {
    pub(super) fn perform(&mut self, action: Action) -> Result<(), LabError> {
        match action {
            Action::GoHome => self.go_home(),
            Action::OpenScene(path) => self.open_scene(&path)?,
            Action::OpenScenario(path) => self.open_scenario(&path)?,
            Action::WatchRollout(rollout) => self.watch_rollout(rollout)?,
            Action::LookAt(spot) => self.look_at(spot)?,
            Action::CancelOpening => self.opening = None,
            Action::OpenRun(path) => self.open_run(&path)?,
            Action::ShowTab(Tab::Words)
                if self.session.as_ref().is_some_and(|own| own.asking().is_empty()) =>
            {
                self.note("No term here asks about pictures; add one of kind Vlm");
            }
            Action::ShowTab(tab) => {
                self.tab = tab;
                self.refresh_runs();
            }
            Action::ShowSide(Side::Scenario) if self.scenario.is_none() => {
                self.note("Open a scenario first: a file with rollouts and what is expected of them");
            }
            Action::ShowSide(Side::Labels) if self.labels.is_none() => {
                self.note(
                    "No run here asks people: write `preferences: (.., annotator: People)` into the scene and train it",
                );
            }
            Action::ShowSide(side) => self.side = side,
            Action::Label(says) => self.labels.as_mut().map_or(Ok(()), |labels| labels.say(says))?,
            Action::UndoLabel => self.labels.as_mut().map_or(Ok(()), Labels::undo)?,
            Action::SetDark(dark) => self.dark = dark,
            Action::ShowKeys(shows) => self.shows_keys = shows,
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
                self.sight = None;
                self.tell_training(&edit);
            }
            Action::Switch { graph, path, on } => self.switch(graph, &path, on)?,
            Action::Undo | Action::Redo => {
                self.sight = None;
                if action == Action::Undo { session.undo()? } else { session.redo()? }
            }
            Action::Save => self.save()?,
            Action::KeepEpisode => self.keep_episode()?,
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

    /// Hands a weight or a declared parameter on to the training under way; what else is edited waits for the next.
    fn tell_training(&mut self, edit: &RewardEdit) {
        let (Some(session), Some(training)) = (&self.session, &self.training) else { return };
        let RewardEdit::Set { graph, path, value } = edit else {
            self.note("The training under way keeps its terms; start another to train on these.");
            return;
        };
        let name = |term: &str| {
            let account = crate::session::Account::unpaid(session.live().epoch(), *graph);
            account.lines.into_iter().find(|line| line.path == term).map(|line| line.name)
        };
        let knob = match (path.strip_suffix(".weight").and_then(name), path.rsplit_once(PARAMS)) {
            (Some(term), _) => Some(Knob::Weight(term)),
            (None, Some((_, param))) => Some(Knob::Param(param.into())),
            (None, None) => None,
        };
        match (knob, value.parse()) {
            (Some(knob), Ok(value)) => {
                training.turn(Turn { graph: session.setup().graphs[*graph].name.clone(), knob, value });
            }
            _ => self.note(
                "The training under way takes new weights and `param`s alone; start another to train on this.",
            ),
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

    /// Writes the last whole episode of the chosen row into the run folder of this reward's, which it makes if need be.
    fn keep_episode(&mut self) -> Result<(), LabError> {
        let Some(session) = &self.session else { return Ok(()) };
        let nothing = || LabError::Refused("no whole episode of this env is kept yet: play one first".into());
        let episode = session.live().played(session.env()).ok_or_else(nothing)?;
        let run = match self.played.take().filter(|run| run.is_of(session.setup())) {
            Some(run) => run,
            None => PlayedRun::create(session.setup(), &self.places.runs, "hand")?,
        };
        let run = self.played.insert(run);
        run.keep(&episode)?;
        let told = format!("Kept episode {} of this run: {}", run.kept(), run.path().display());
        self.note(told);
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
}

fn driver_by_name(session: &Session, name: &str) -> Result<Driver, LabError> {
    let found = Driver::by_name(session.task(), name);
    found.ok_or_else(|| LabError::Refused(format!("{} has no script `{name}`", session.task().name)))
}
