//! `carrot reward`: the language that rewards are written in.

use carrot_reward::expr::{FUNCTIONS, grammar_card};
use clap::Subcommand;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Look at the language of reward expressions.
#[derive(Subcommand)]
pub(crate) enum Reward {
    /// Print the grammar of expressions on one page
    #[command(after_help = "Example:\n  carrot reward grammar")]
    Grammar,
}

impl Reward {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let Self::Grammar = self;
        let function = |f: &carrot_reward::expr::Function| json!({"name": f.name, "arguments": f.arguments, "about": f.about});
        let functions: Vec<_> = FUNCTIONS.iter().map(function).collect();
        let card = grammar_card();
        output.answer(&json!({"card": card, "functions": functions}), || card.trim_end().to_owned())
    }
}
