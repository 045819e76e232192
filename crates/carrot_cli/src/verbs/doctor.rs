//! `carrot doctor`: what this machine offers.

use carrot_lab::doctor::{Finding, examine};
use clap::Args;

use crate::failure::Failure;
use crate::output::{Output, table};

/// Look at this machine: libtorch, CUDA, processor.
#[derive(Args)]
#[command(after_help = "Example:\n  carrot doctor --json")]
pub(crate) struct Doctor {}

impl Doctor {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let findings = examine();
        output.answer(&findings, || {
            let row = |finding: &Finding| {
                let mark = if finding.ok { "ok" } else { "MISSING" };
                vec![mark.to_string(), finding.what.to_string(), finding.found.clone()]
            };
            table(&["", "what", "found"], &findings.iter().map(row).collect::<Vec<_>>())
        })?;
        let missing: Vec<&str> =
            findings.iter().filter(|finding| !finding.ok).map(|finding| finding.what).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Failure::Missing(format!("not available: {}", missing.join(", "))))
        }
    }
}
