//! `carrot bench step`: which tasks, batches and rewards are stepped.

use carrot_lab::bench::step::{FOUR_TERMS, NONE, StepCase, TaskRates, measure_task};
use carrot_lab::bench::table::Table;
use carrot_sim::TaskSpec;
use clap::Args;

use super::{Company, Turns};
use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;

/// Rows of a task whose state is columns of numbers.
const ROWS: u32 = 4096;
/// Rows of a task with a physics world in each.
const PHYSICS_ROWS: u32 = 256;
/// Tasks that the standard table also shows on two shards, with these numbers of rows.
const SHARDED: [(&str, [usize; 2]); 2] = [("CartPole-v1", [4096, 16384]), ("DoorKey-8x8", [4096, 16384])];

/// Tasks and robots that the standard table shows beside the tasks with their own hands.
const ROBOTS: [(&str, &str); 3] =
    [("Reach", "six_joint_arm"), ("Push", "six_joint_arm"), ("PickPlace", "six_joint_arm")];

/// What is measured.
#[derive(Args)]
pub(crate) struct Step {
    /// Task; may be given several times
    #[arg(long)]
    task: Vec<String>,
    /// A robot in place of the task's hand, such as six_joint_arm
    #[arg(long, value_name = "ROBOT", requires = "task")]
    robot: Option<String>,
    /// Envs in the batch; 4096, or 256 where each has a physics world
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    num_envs: Option<u32>,
    /// Worlds that share them, one thread each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: Option<u32>,
    /// none, four-terms, or a reward of the task; may be given several times
    #[arg(long, value_name = "NAME")]
    reward: Vec<String>,
    #[command(flatten)]
    turns: Turns,
    #[command(flatten)]
    company: Company,
}

impl Step {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let cases = self.cases()?;
        let peers = self.company.peers()?;
        let plan = self.turns.plan();
        let mut found: Vec<TaskRates> = Vec::with_capacity(cases.len());
        for (index, cases_of_task) in cases.iter().enumerate() {
            let mut note = |party: &str| output.note(&format!("[{}/{}] {party}", index + 1, cases.len()));
            found.push(measure_task(cases_of_task, peers.as_ref(), &plan, &mut note)?);
        }
        self.company.answer(output, &found, &Table::of_rates(&found))
    }

    /// The cases to measure, task by task.
    fn cases(&self) -> Result<Vec<Vec<StepCase>>, Failure> {
        let robot = self.robot.as_deref();
        let subjects: Vec<(&str, Option<&str>)> = match self.task.as_slice() {
            [] => {
                let own_hands = carrot_tasks::task_names().into_iter().map(|task| (task, None));
                own_hands.chain(ROBOTS.map(|(task, robot)| (task, Some(robot)))).collect()
            }
            given => given.iter().map(|task| (task.as_str(), robot)).collect(),
        };
        subjects.into_iter().map(|(task, robot)| self.cases_of(lookup::task(task)?.spec(), robot)).collect()
    }

    fn cases_of(&self, spec: &TaskSpec, robot: Option<&str>) -> Result<Vec<StepCase>, Failure> {
        let valid = reward_names(spec);
        let rewards: Vec<&str> = match self.reward.as_slice() {
            [] => vec![NONE, FOUR_TERMS],
            given => given.iter().map(String::as_str).collect(),
        };
        if let Some(unknown) = rewards.iter().find(|reward| !valid.contains(reward)) {
            return Err(lookup::unknown("reward", unknown, &valid).into());
        }
        let rows = self.num_envs.unwrap_or(if has_physics(spec) { PHYSICS_ROWS } else { ROWS }) as usize;
        let shards = self.shards.unwrap_or(1) as usize;
        if shards > rows {
            let message = format!("{shards} shards cannot share {rows} envs");
            let help = "every shard holds at least one env";
            return Err(lookup::refused(&format!("--shards {shards}"), message, help).into());
        }
        let case = |reward: &str, num_envs, shards| StepCase {
            task: spec.name.into(),
            robot: robot.map(String::from),
            reward: reward.into(),
            num_envs,
            shards,
        };
        let mut cases: Vec<StepCase> = rewards.iter().map(|reward| case(reward, rows, shards)).collect();
        let standard = self.num_envs.is_none() && self.shards.is_none() && self.reward.is_empty();
        if let Some((_, sizes)) = SHARDED.iter().find(|(name, _)| standard && *name == spec.name) {
            cases.extend(sizes.map(|num_envs| case(FOUR_TERMS, num_envs, 2)));
        }
        Ok(cases)
    }
}

/// Whether each row of a task holds a physics world, which is stepped several times per env step.
fn has_physics(spec: &TaskSpec) -> bool {
    spec.decimation > 1
}

/// Rewards that can be measured.
fn reward_names(spec: &TaskSpec) -> Vec<&str> {
    [NONE, FOUR_TERMS].into_iter().chain(spec.rewards.iter().map(|reward| reward.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        step: Step,
    }

    fn cases(line: &str) -> Vec<Vec<StepCase>> {
        let line = Line::try_parse_from(std::iter::once("step").chain(line.split_whitespace())).unwrap();
        line.step.cases().unwrap()
    }

    #[test]
    fn the_standard_table_has_every_task_with_and_without_terms() {
        let cases = cases("");
        let subjects: Vec<String> = cases.iter().map(|cases| cases[0].subject()).collect();
        let tasks = carrot_tasks::task_names();
        assert_eq!(subjects[..tasks.len()], tasks);
        assert_eq!(subjects[tasks.len()..][2], "PickPlace with six_joint_arm");
        for cases in &cases {
            let rewards: Vec<&str> = cases.iter().map(|case| case.reward.as_str()).collect();
            assert_eq!(rewards[..2], [NONE, FOUR_TERMS]);
        }
        let rows = |task: &str| cases.iter().find(|cases| cases[0].task == task).unwrap()[0].num_envs;
        assert_eq!((rows("CartPole-v1"), rows("Reach")), (4096, 256));
        let sharded = cases.iter().flatten().filter(|case| case.task == "CartPole-v1" && case.shards == 2);
        assert_eq!(sharded.map(|case| case.num_envs).collect::<Vec<_>>(), [4096, 16384]);
    }

    #[test]
    fn what_is_asked_for_is_measured_and_nothing_else() {
        let cases = cases("--task CartPole-v1 --task Empty-8x8 --num-envs 64 --shards 2 --reward sparse");
        let found: Vec<_> = cases.iter().flatten().collect();
        assert!(found.iter().all(|case| (case.num_envs, case.shards) == (64, 2) && case.reward == "sparse"));
        assert_eq!(found.len(), 2);
    }
}
