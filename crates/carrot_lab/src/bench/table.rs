//! Measurements as tables: cells of text, and Markdown.

use super::learn::{TaskTrainings, Training};
use super::pictures::PictureRates;
use super::step::TaskRates;
use super::turns::{Outcome, Rates};
use super::{Lead, Spread};

/// Where there is nothing to tell.
const NOTHING: &str = "-";

/// Cells of text under headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// One heading per column.
    pub headings: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Rates of tasks: Carrot's rows first, then the peers' with Carrot's lead under each reward on one core.
    pub fn of_rates(tasks: &[TaskRates]) -> Self {
        let mut rewards: Vec<&str> = Vec::new();
        for (reward, _) in tasks.iter().flat_map(|task| &task.peers).flat_map(|peer| leads(&peer.outcome)) {
            if !rewards.contains(&reward.as_str()) {
                rewards.push(reward);
            }
        }
        let mut headings: Vec<String> =
            ["task", "what", "envs", "cores", "env steps/s (slowest to fastest)", "per CPU second"]
                .map(String::from)
                .into();
        headings.extend(rewards.iter().map(|reward| format!("Carrot, {reward}, is ahead by")));
        let mut rows = Vec::new();
        for task in tasks {
            for own in &task.own {
                let case = &own.case;
                let what = format!("Carrot, {}", case.reward);
                let mut row =
                    vec![task.task.clone(), what, case.num_envs.to_string(), case.shards.to_string()];
                row.extend(rate_cells(&own.rates));
                rows.push(row);
            }
            for peer in &task.peers {
                let envs = peer.num_envs.map_or_else(|| NOTHING.into(), |envs| envs.to_string());
                let what = with_versions(&peer.peer, &peer.versions);
                let mut row = vec![task.task.clone(), what, envs, "1".into()];
                match &peer.outcome {
                    Outcome::Measured { rates, leads } => {
                        row.extend(rate_cells(rates));
                        row.extend(rewards.iter().map(|reward| {
                            let lead = leads.iter().find(|(name, _)| name == reward);
                            lead.map_or_else(|| NOTHING.into(), |(_, lead)| lead_cell(lead, false))
                        }));
                    }
                    Outcome::NotInstalled { why } => row.push(format!("not installed: {why}")),
                    Outcome::Failed { why } => row.push(why.clone()),
                }
                rows.push(row);
            }
        }
        Self::padded(headings, rows)
    }

    /// Pictures of tasks: Carrot's row first, then the peers'.
    pub fn of_pictures(found: &[PictureRates]) -> Self {
        let headings = [
            "task",
            "pixels",
            "drawn by",
            "pictures/s (slowest to fastest)",
            "per CPU second",
            "Carrot is ahead by",
        ]
        .map(String::from);
        let mut rows = Vec::new();
        for PictureRates { task, size, samples, adapter, own, peers } in found {
            let start = |who: String| vec![task.clone(), size.to_string(), who];
            rows.push(
                [start(format!("Carrot ({adapter}, samples: {samples})")), rate_cells(own).into()].concat(),
            );
            for peer in peers {
                let mut row = start(with_versions(&peer.peer, &peer.versions));
                match &peer.outcome {
                    Outcome::Measured { rates, leads } => {
                        row.extend(rate_cells(rates));
                        row.extend(leads.iter().map(|(_, lead)| lead_cell(lead, false)));
                    }
                    Outcome::NotInstalled { why } => row.push(format!("not installed: {why}")),
                    Outcome::Failed { why } => row.push(why.clone()),
                }
                rows.push(row);
            }
        }
        Self::padded(headings.into(), rows)
    }

    /// Trainings of tasks.
    pub fn of_trainings(tasks: &[TaskTrainings]) -> Self {
        let headings = [
            "task",
            "learner",
            "solved",
            "env steps",
            "wall seconds (fastest to slowest)",
            "CPU seconds",
            "evaluations, seconds",
            "Carrot is ahead by",
        ]
        .map(String::from);
        let mut rows = Vec::new();
        for task in tasks {
            let name = format!("{}, {}", task.task, task.bar);
            rows.push([vec![name.clone(), "Carrot, PPO".into()], training_cells(&task.own)].concat());
            for peer in &task.peers {
                let mut row = vec![name.clone(), with_versions(&peer.peer, &peer.versions)];
                if let Some(why) = &peer.failure {
                    row.push(why.clone());
                } else {
                    row.extend(training_cells(&peer.trainings));
                    row.extend(peer.lead.iter().map(|lead| lead_cell(lead, peer.lead_is_a_bound)));
                }
                rows.push(row);
            }
        }
        Self::padded(headings.into(), rows)
    }

    fn padded(headings: Vec<String>, mut rows: Vec<Vec<String>>) -> Self {
        rows.iter_mut().for_each(|row| row.resize(headings.len(), NOTHING.into()));
        Self { headings, rows }
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|{}\n", "---|".repeat(self.headings.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{rows}", line(&self.headings))
    }
}

fn leads(outcome: &Outcome) -> &[(String, Lead)] {
    match outcome {
        Outcome::Measured { leads, .. } => leads,
        Outcome::NotInstalled { .. } | Outcome::Failed { .. } => &[],
    }
}

fn with_versions(name: &str, versions: &str) -> String {
    if versions.is_empty() { name.into() } else { format!("{name} ({versions})") }
}

fn rate_cells(rates: &Rates) -> [String; 2] {
    [spread_cell(&rates.per_sec), short(rates.per_cpu_sec.median)]
}

fn training_cells(trainings: &[Training]) -> Vec<String> {
    let solved = trainings.iter().filter(|training| training.solved).count();
    let spread = |of| Training::spread(trainings, of).map_or_else(|| NOTHING.into(), |s| spread_cell(&s));
    vec![
        format!("{solved} of {}", trainings.len()),
        spread(|training| training.env_steps as f64),
        spread(|training| training.wall_secs),
        spread(|training| training.cpu_secs),
        spread(|training| training.eval_secs),
    ]
}

fn spread_cell(spread: &Spread) -> String {
    format!("{} ({} to {})", short(spread.median), short(spread.min), short(spread.max))
}

fn lead_cell(lead: &Lead, is_bound: bool) -> String {
    let bound = if is_bound { "at least " } else { "" };
    format!("{bound}{}; {} by CPU time", spread_cell(&lead.wall), short(lead.cpu.median))
}

/// Three digits and a prefix.
fn short(value: f64) -> String {
    let (scaled, prefix) = match value.abs() {
        1e9.. => (value / 1e9, " G"),
        1e6.. => (value / 1e6, " M"),
        1e3.. => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{scaled:.digits$}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Window;
    use crate::bench::learn::PeerTrainings;
    use crate::bench::step::{OwnRates, StepCase};
    use crate::bench::turns::PeerRates;

    fn rates(per_sec: f64) -> Rates {
        let spread = Spread { median: per_sec, min: 0.5 * per_sec, max: 2.0 * per_sec };
        let windows = vec![Window { steps: 1, secs: 1.0, cpu_secs: 1.0 }];
        Rates { per_sec: spread, per_cpu_sec: spread, windows }
    }

    fn lead(ratio: f64) -> Lead {
        let spread = Spread { median: ratio, min: ratio, max: ratio };
        Lead { wall: spread, cpu: spread }
    }

    #[test]
    fn numbers_have_three_digits() {
        let told = [0.0, 1.5, 93.96, 999.4, 5_432.0, 21.5e6, 510e6, 1.2e9].map(short);
        assert_eq!(told, ["0.00", "1.50", "94.0", "999", "5.43 k", "21.5 M", "510 M", "1.20 G"]);
    }

    #[test]
    fn rates_stand_beside_those_of_peers() {
        let case = StepCase { task: "A".into(), robot: None, reward: "none".into(), num_envs: 64, shards: 1 };
        let peer =
            |outcome| PeerRates { peer: "P".into(), num_envs: Some(8), versions: "p 1".into(), outcome };
        let tasks = [TaskRates {
            task: "A".into(),
            own: vec![OwnRates { case, rates: rates(2e6) }],
            peers: vec![
                peer(Outcome::Measured { rates: rates(1e6), leads: vec![("none".into(), lead(2.0))] }),
                peer(Outcome::NotInstalled { why: "a|b".into() }),
            ],
        }];
        let expected = "\
| task | what | envs | cores | env steps/s (slowest to fastest) | per CPU second | Carrot, none, is ahead by |
|---|---|---|---|---|---|---|
| A | Carrot, none | 64 | 1 | 2.00 M (1.00 M to 4.00 M) | 2.00 M | - |
| A | P (p 1) | 8 | 1 | 1.00 M (500 k to 2.00 M) | 1.00 M | 2.00 (2.00 to 2.00); 2.00 by CPU time |
| A | P (p 1) | 8 | 1 | not installed: a\\|b | - | - |
";
        assert_eq!(Table::of_rates(&tasks).markdown(), expected);
    }

    #[test]
    fn trainings_stand_beside_those_of_peers() {
        let training = Training {
            solved: true,
            mean_return: 480.0,
            env_steps: 20_000,
            wall_secs: 2.0,
            cpu_secs: 1.0,
            eval_secs: 0.5,
        };
        let peer = |failure: Option<&str>| PeerTrainings {
            peer: "P".into(),
            versions: String::new(),
            trainings: vec![training],
            failure: failure.map(String::from),
            lead: Some(lead(5.0)),
            lead_is_a_bound: true,
        };
        let tasks = [TaskTrainings {
            task: "A".into(),
            bar: 475.0,
            own: vec![training],
            peers: vec![peer(None), peer(Some("ended"))],
        }];
        let rows = Table::of_trainings(&tasks).rows;
        let same = ["1 of 1", "20.0 k (20.0 k to 20.0 k)", "2.00 (2.00 to 2.00)", "1.00 (1.00 to 1.00)"];
        assert_eq!(rows[0][..6], [&["A, 475", "Carrot, PPO"], &same[..]].concat());
        assert_eq!(rows[1][2..6], same);
        assert_eq!(rows[1][7], "at least 5.00 (5.00 to 5.00); 5.00 by CPU time");
        assert_eq!(rows[2], ["A, 475", "P", "ended", "-", "-", "-", "-", "-"]);
    }
}
