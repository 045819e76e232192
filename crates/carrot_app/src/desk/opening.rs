//! A scenario on its way to the desk: its rollouts are played on a thread, and the window stays alive.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use carrot_lab::LabError;

use crate::session::Scenario;

/// A scenario whose rollouts are being played; dropped, it stops before the next one.
pub struct Opening {
    path: PathBuf,
    news: Receiver<News>,
    /// Rollouts played, rollouts in all, and the name of the one under way.
    progress: (usize, usize, String),
}

enum News {
    Plays(usize, usize, String),
    Opened(Box<Result<Option<Scenario>, LabError>>),
}

impl Opening {
    /// Begins to play the rollouts of a file.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(path: &Path) -> Result<Self, LabError> {
        let (outbox, news) = channel();
        let file = path.to_path_buf();
        let work = move || open(&file, &outbox);
        let thread = std::thread::Builder::new().name("scenario".into()).spawn(work);
        thread.map_err(LabError::file("cannot start a thread for the scenario", path))?;
        Ok(Self { path: path.into(), news, progress: (0, 0, String::new()) })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rollouts played, rollouts in all, and the name of the one under way.
    pub fn progress(&self) -> (usize, usize, &str) {
        (self.progress.0, self.progress.1, &self.progress.2)
    }

    /// The scenario, once it is there, or why it will not be.
    pub fn listen(&mut self) -> Option<Result<Scenario, LabError>> {
        let broke_off = || LabError::Refused(format!("playing {} broke off", self.path.display()));
        loop {
            match self.news.try_recv() {
                Ok(News::Plays(played, of, name)) => self.progress = (played, of, name),
                Ok(News::Opened(opened)) => {
                    return Some(opened.and_then(|found| found.ok_or_else(broke_off)));
                }
                Err(TryRecvError::Empty) => return None,
                // A thread that panicked has no last word.
                Err(TryRecvError::Disconnected) => return Some(Err(broke_off())),
            }
        }
    }
}

fn open(path: &Path, outbox: &Sender<News>) {
    let tell =
        |played: usize, of: usize, name: &str| outbox.send(News::Plays(played, of, name.into())).is_ok();
    // Nobody may be left to hear it.
    outbox.send(News::Opened(Box::new(Scenario::open(path, tell)))).ok();
}
