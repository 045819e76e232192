//! What a task declares: names, shapes, bounds and ranges.

use super::Check;
use crate::space::ActionSpace;

impl Check {
    pub(super) fn declaration(&mut self) {
        let spec = self.task.spec().clone();
        self.expect(!spec.name.is_empty() && !spec.about.is_empty(), "named", || {
            "name or `about` is empty".into()
        });
        self.expect(!spec.docs.trim().is_empty(), "documented", || "`docs` is empty".into());
        self.expect(!spec.observation.is_empty(), "observation", || "there is no observation part".into());
        for part in &spec.observation {
            for (side, bounds) in [("low", &part.low), ("high", &part.high)] {
                let fits = bounds.len() == 1 || bounds.len() == part.size();
                self.expect(fits && part.size() > 0, "observation", || {
                    format!(
                        "part `{}` has {} {side} bounds for {} numbers",
                        part.name,
                        bounds.len(),
                        part.size()
                    )
                });
            }
        }
        self.unique("observation", spec.observation.iter().map(|part| part.name.clone()).collect());
        if let ActionSpace::MultiDiscrete { names, choices } = &spec.action {
            let fits = choices.len() == names.len() && choices.iter().all(|own| !own.is_empty());
            self.expect(fits, "action", || "an element has no choices".into());
            if !fits {
                return;
            }
        }
        let bounded = (0..spec.action.width()).all(|i| spec.action.bounds(i).0 <= spec.action.bounds(i).1);
        self.expect(bounded && spec.action.width() > 0, "action", || "an element has low above high".into());
        if let ActionSpace::Continuous { names, units, low, high } = &spec.action {
            let fits = [units.len(), low.len(), high.len()].iter().all(|&n| n == names.len());
            self.expect(fits, "action", || "names, units and bounds differ in number".into());
        }
        self.unique("signal", spec.catalog().names().iter().map(|name| name.to_string()).collect());
        for signal in &spec.signals {
            let (low, high) = signal.range;
            let ranged = low.is_finite() && high.is_finite() && low < high;
            self.expect(ranged, "signal", || format!("`{}` has the range {low} to {high}", signal.name));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            self.expect(signal.name.chars().all(plain) && !signal.name.is_empty(), "signal", || {
                format!("`{}` is not in snake case", signal.name)
            });
            self.expect(!signal.description.is_empty(), "signal", || {
                format!("`{}` is not described", signal.name)
            });
        }
        self.unique("cause", spec.causes.iter().map(|cause| cause.to_string()).collect());
        self.unique("reward", spec.rewards.iter().map(|reward| reward.name.to_string()).collect());
        self.unique("script", spec.scripts.iter().map(|script| script.name.to_string()).collect());
        let first = spec.scripts.first().map(|script| script.name);
        self.expect(first == Some("expert"), "script", || "the first script is not the expert".into());
        for reward in &spec.rewards {
            let known = reward.farmed_by.is_none_or(|name| spec.script(name).is_some());
            self.expect(known, "reward", || format!("`{}` names an unknown script", reward.name));
        }
        let substeps = spec.physics_dt * spec.decimation as f32;
        let timed = spec.control_dt > 0.0 && (substeps - spec.control_dt).abs() <= 1e-6 * spec.control_dt;
        self.expect(timed, "time", || {
            format!("{} substeps of {} s are not {} s", spec.decimation, spec.physics_dt, spec.control_dt)
        });
    }

    fn unique(&mut self, rule: &'static str, mut names: Vec<String>) {
        names.sort();
        for pair in names.windows(2) {
            self.expect(pair[0] != pair[1], rule, || format!("`{}` is there twice", pair[0]));
        }
    }
}
