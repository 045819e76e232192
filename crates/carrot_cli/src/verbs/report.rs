//! `carrot report`: runs as one page.

use std::path::PathBuf;

use carrot_lab::LabError;
use carrot_lab::report::words;
use carrot_lab::report::{read_runs, render_html, summarise, text_table};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Put runs into one self-contained page: return beside truth, term by term; seeds of one reward become one band.
#[derive(Args)]
#[command(after_help = "Example:\n  carrot report runs/MountainCar-v0/ppo/* --out mountain_car.html")]
pub(crate) struct Report {
    /// Run folders
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Its title
    #[arg(long, default_value = "Return beside truth")]
    title: String,
}

impl Report {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let curves = read_runs(&self.runs)?;
        let summary = summarise(&curves);
        let mut asked = Vec::new();
        for run in &curves {
            match words::of_run(run) {
                Ok(found) => asked.extend(found),
                // A page without that part is better than none.
                Err(error) => {
                    output.note(&format!("warning: {}: no pictures: {error}", run.folder.display()))
                }
            }
        }
        let page = render_html(&curves, &summary, &asked, &self.title)?;
        std::fs::write(&self.out, page).map_err(LabError::file("cannot write the report", &self.out))?;
        let document = json!({"report": self.out, "summary": summary});
        output.answer(&document, || format!("{}\nreport {}", text_table(&summary), self.out.display()))
    }
}
