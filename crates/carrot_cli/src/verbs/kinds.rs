//! `carrot kinds`: the pages of everything that a reward can be made of.

use carrot_reward::expr::PROGRAM_DOC;
use carrot_reward::{COMBINATOR_DOCS, KindRegistry, MACHINE_DOC, RuleDoc, STAGE_DOCS};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table, wrap};

/// List what rewards are made of, or show the page of one.
#[derive(Subcommand)]
pub(crate) enum Kinds {
    /// List kinds, stages, combinators and forms
    #[command(after_help = "Example:\n  carrot kinds list")]
    List,
    /// Show a page: what it rewards, formula, parameters, when it misleads
    #[command(after_help = "Example:\n  carrot kinds show Potential")]
    Show {
        /// Name of a kind, stage, combinator or form
        name: String,
    },
}

/// What a page is about.
const KIND: &str = "kind";
const STAGE: &str = "stage";
const COMBINATOR: &str = "combinator";
const FORM: &str = "form";

impl Kinds {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let pages = pages();
        match self {
            Self::List => {
                let document = pages.iter().map(document).collect::<Vec<_>>();
                output.answer(&document, || {
                    let row = |(what, doc): &(&str, RuleDoc)| {
                        vec![doc.name.to_string(), what.to_string(), doc.rewards.to_string()]
                    };
                    table(&["name", "is a", "rewards"], &pages.iter().map(row).collect::<Vec<_>>())
                })
            }
            Self::Show { name } => {
                let names: Vec<&str> = pages.iter().map(|(_, doc)| doc.name).collect();
                let found = pages.iter().find(|(_, doc)| doc.name == name);
                let page =
                    found.ok_or_else(|| lookup::unknown("kind, stage, combinator or form", name, &names))?;
                output.answer(&document(page), || text(page))
            }
        }
    }
}

fn pages() -> Vec<(&'static str, RuleDoc)> {
    let kinds = KindRegistry::standard().docs().map(|doc| (KIND, doc)).collect::<Vec<_>>();
    let stages = STAGE_DOCS.into_iter().map(|doc| (STAGE, doc));
    let combinators = COMBINATOR_DOCS.into_iter().map(|doc| (COMBINATOR, doc));
    let forms = [PROGRAM_DOC, MACHINE_DOC].into_iter().map(|doc| (FORM, doc));
    kinds.into_iter().chain(stages).chain(combinators).chain(forms).collect()
}

fn document((what, doc): &(&str, RuleDoc)) -> Value {
    let mut document = json!(doc);
    document["is"] = json!(what);
    document
}

fn text((what, doc): &(&str, RuleDoc)) -> String {
    let parameters = match doc.parameters {
        [] => "    none".to_string(),
        some => {
            let row = |(name, about): &(&str, &str)| vec![format!("    {name}"), about.to_string()];
            let rows: Vec<_> = some.iter().map(row).collect();
            table(&["", ""], &rows).trim_start_matches('\n').to_string()
        }
    };
    let part = |title: &str, text: &str| format!("{title}\n{}", wrap(text, 4));
    [
        format!("{} ({what})", doc.name),
        part("Rewards", doc.rewards),
        part("Formula", doc.formula),
        part("Range", doc.range),
        format!("Parameters\n{parameters}"),
        part("When it misleads", doc.misleads),
        part("Source", doc.source),
    ]
    .join("\n\n")
}
