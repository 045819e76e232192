//! Comparing by a person: the pairs that a run waits for, played again as clips, and the answers.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use carrot_lab::preference::{BadLine, Pair, PairQueue, PairTakes, Says, Take};
use carrot_lab::saved::SavedRun;
use carrot_lab::{LabError, Setup};
use carrot_sim::{Drawing, SimError, VecEnv};

use crate::session::mirror::unpaid_row;
use crate::solid::{Bounds, solids};

/// Who answers, as it is written beside each answer.
const BY: &str = "window";
/// Seconds between two looks at what the training asks for.
const REFRESH_SECS: f32 = 0.25;
/// Seconds that a step is shown at least and at most: a turn of a gridworld takes no second.
const STEP_SECS: (f32, f32) = (0.02, 0.2);
/// Seconds for which the last step stands still before the clips begin again.
const REST_SECS: f32 = 0.6;

/// A pair as it is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Clips {
    /// s' of every step, left and right; none where nothing was kept to play it from.
    pub frames: [Vec<Drawing>; 2],
    /// What is worth seeing of both.
    pub bounds: Bounds,
}

/// The number of a pair and its clips, or why there are none.
type Shown = (u64, Result<Clips, String>);

/// What a person is asked, and answers.
pub struct Labels {
    /// What is written beside the next answer.
    pub note: String,
    run: PathBuf,
    queue: PairQueue,
    step_secs: f32,
    orders: Sender<(Pair, PairTakes)>,
    played: Receiver<Shown>,
    asked: Option<u64>,
    shown: Option<Shown>,
    clock: f32,
    since_refresh: f32,
    said: Vec<(u64, Says)>,
}

impl Labels {
    /// The questions of a run; none where its scene does not ask people.
    ///
    /// # Errors
    /// When the folder is no run, or its labels cannot be read and written.
    pub fn of_run(run: &Path) -> Result<Option<(Self, Vec<BadLine>)>, LabError> {
        let setup = SavedRun::open(run)?.setup().clone();
        if !setup.preferences.as_ref().is_some_and(|config| config.asks_people()) {
            return Ok(None);
        }
        let (queue, bad) = PairQueue::open(run, BY)?;
        let step_secs = setup.task.spec().control_dt.clamp(STEP_SECS.0, STEP_SECS.1);
        let (orders, inbox) = channel();
        let (outbox, played) = channel();
        let thread = std::thread::Builder::new().name("clips".into());
        let work = move || project(&setup, &inbox, &outbox);
        thread.spawn(work).map_err(LabError::file("cannot start a thread for the clips", run))?;
        let labels = Self {
            note: String::new(),
            run: run.into(),
            queue,
            step_secs,
            orders,
            played,
            asked: None,
            shown: None,
            clock: 0.0,
            since_refresh: REFRESH_SECS,
            said: Vec::new(),
        };
        Ok(Some((labels, bad)))
    }

    /// The run's folder.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Pairs that wait, and pairs with an answer.
    pub fn counts(&self) -> (usize, usize) {
        self.queue.counts()
    }

    /// Answers given here that hold, newest last.
    pub fn said(&self) -> &[(u64, Says)] {
        &self.said
    }

    /// Number of the pair that is to be compared.
    pub fn pair(&self) -> Option<u64> {
        self.queue.current().map(|pair| pair.id)
    }

    /// The clips of that pair, once they are there, or why they will not be.
    pub fn clips(&self) -> Option<Result<&Clips, &str>> {
        let (pair, clips) = self.shown.as_ref()?;
        (Some(*pair) == self.pair()).then(|| clips.as_ref().map_err(String::as_str))
    }

    /// The step that is seen of a clip of so many.
    pub fn step(&self, of: usize) -> usize {
        ((self.clock / self.step_secs) as usize).min(of.saturating_sub(1))
    }

    /// Lets the clips go on, and looks at what the training asks for; gives lines of labels that say nothing.
    ///
    /// # Errors
    /// When the pairs or labels of the run cannot be read.
    pub fn advance(&mut self, secs: f32) -> Result<Vec<BadLine>, LabError> {
        self.since_refresh += secs;
        let bad = if self.since_refresh >= REFRESH_SECS {
            self.since_refresh = 0.0;
            self.queue.refresh()?
        } else {
            Vec::new()
        };
        while let Ok(shown) = self.played.try_recv() {
            (self.shown, self.clock) = (Some(shown), 0.0);
        }
        if let Some(pair) = self.queue.current().filter(|pair| self.asked != Some(pair.id)) {
            self.asked = Some(pair.id);
            // A thread that is gone never answers, and the panel says that the clips are awaited.
            self.orders.send((pair.clone(), self.queue.takes(pair.id)?)).ok();
        }
        let longest = match &self.shown {
            Some((_, Ok(clips))) => clips.frames.iter().map(Vec::len).max().unwrap_or(0),
            _ => 0,
        };
        self.clock += secs;
        if self.clock > longest as f32 * self.step_secs + REST_SECS {
            self.clock = 0.0;
        }
        Ok(bad)
    }

    /// Answers the pair that is seen; one that is not seen yet is not answered.
    ///
    /// # Errors
    /// When the disk is full or fails; the pair then still waits.
    pub fn say(&mut self, says: Says) -> Result<(), LabError> {
        if self.clips().is_none() {
            return Ok(());
        }
        if let Some(pair) = self.queue.say(says, self.note.trim())? {
            self.note.clear();
            self.said.push((pair, says));
        }
        Ok(())
    }

    /// Takes the last answer given here back.
    ///
    /// # Errors
    /// When the disk is full or fails; the answer then still holds.
    pub fn undo(&mut self) -> Result<(), LabError> {
        if self.queue.undo()?.is_some() {
            self.said.pop();
        }
        Ok(())
    }
}

/// Plays pairs again until nobody asks any more.
fn project(setup: &Setup, inbox: &Receiver<(Pair, PairTakes)>, outbox: &Sender<Shown>) {
    let mut row = unpaid_row(setup);
    while let Ok((pair, takes)) = inbox.recv() {
        let clips = match &mut row {
            Ok(row) => play(setup, row, &pair, &takes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if outbox.send((pair.id, clips)).is_err() {
            return;
        }
    }
}

fn play(setup: &Setup, row: &mut VecEnv, pair: &Pair, [left, right]: &PairTakes) -> Result<Clips, SimError> {
    let mut frames = |take: &Option<Take>, segment| {
        take.as_ref().map_or_else(|| Ok(Vec::new()), |take| take.play(row, segment))
    };
    let frames = [frames(left, &pair.left)?, frames(right, &pair.right)?];
    let bounds = match frames.iter().flatten().next() {
        Some(Drawing { tiles: Some(tiles), .. }) => Bounds::board(tiles),
        _ => {
            Bounds::seen(&frames.iter().flatten().flat_map(solids).collect::<Vec<_>>(), &setup.task.camera())
        }
    };
    Ok(Clips { frames, bounds })
}
