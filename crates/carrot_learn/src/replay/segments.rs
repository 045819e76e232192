//! Saving and loading: the ring as parts of a few megabytes each.
//!
//! | part | holds |
//! |---|---|
//! | `replay.postcard` | layout, oldest position, steps kept |
//! | `replay.NNNN` | a block of positions, one after the other: state, then the step taken there |
//!
//! All that is kept is written each time; a segment in which no step was added or scored again keeps its bytes.

use std::mem::discriminant;

use carrot_sim::PartData;
use serde::{Deserialize, Serialize};

use super::{Finals, Replay, ReplayLayout};
use crate::parts::{find, read_state, write_state};
use crate::{LearnError, Parts};

const STATE: &str = "replay.postcard";
/// Bytes that a segment may have, unless one position alone has more.
const SEGMENT: usize = 4 << 20;

/// Raised when the layout of the parts changes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Meta {
    version: u32,
    layout: ReplayLayout,
    first: usize,
    filled: usize,
}

impl Replay {
    /// Writes its parts.
    ///
    /// # Errors
    /// When a part cannot be written.
    pub fn save(&self, parts: &mut Parts) -> Result<(), LearnError> {
        let meta =
            Meta { version: VERSION, layout: self.layout.clone(), first: self.first, filled: self.filled };
        parts.insert(STATE.into(), write_state(STATE, &meta)?);
        for (name, positions) in self.segments() {
            let mut bytes = Vec::new();
            for p in positions.filter(|&p| self.age(p).is_some()) {
                self.write_position(p, &mut bytes)?;
            }
            if !bytes.is_empty() {
                parts.insert(name, bytes);
            }
        }
        Ok(())
    }

    /// A buffer of the same layout from saved parts.
    ///
    /// # Errors
    /// When a part is missing or does not fit.
    pub fn loaded(&self, parts: &Parts) -> Result<Self, LearnError> {
        let meta: Meta = read_state(STATE, find(parts, STATE)?)?;
        if meta.version != VERSION {
            let message = format!("has version {}, expected {VERSION}", meta.version);
            return Err(LearnError::checkpoint(STATE, message));
        }
        if meta.layout != self.layout || meta.first >= self.positions() || meta.filled > self.layout.slots {
            return Err(LearnError::checkpoint(STATE, "is of another buffer"));
        }
        let mut loaded = Self { first: meta.first, filled: meta.filled, ..Self::new(meta.layout)? };
        for (name, positions) in self.segments() {
            let kept: Vec<usize> = positions.filter(|&p| loaded.age(p).is_some()).collect();
            if kept.is_empty() {
                continue;
            }
            let mut bytes = Bytes { part: &name, rest: find(parts, &name)? };
            for p in kept {
                loaded.read_position(p, &mut bytes)?;
            }
            bytes.finish()?;
        }
        Ok(loaded)
    }

    /// Age of a position in steps from the oldest one; `filled` for the state after the newest step, `None` for
    /// a position that holds nothing.
    fn age(&self, p: usize) -> Option<usize> {
        let age = (p + self.positions() - self.first) % self.positions();
        let used = if self.filled == 0 { 0 } else { self.filled + 1 };
        (age < used).then_some(age)
    }

    /// Names of the segments with their positions.
    fn segments(&self) -> impl Iterator<Item = (String, std::ops::Range<usize>)> {
        let ReplayLayout { num_envs, action_width, raw_columns, signal_columns, .. } = self.layout;
        let obs: usize = self
            .obs
            .iter()
            .zip(self.part_sizes())
            .map(|(part, size)| if part.u8().is_empty() { 4 * size } else { size })
            .sum();
        let row = obs + 4 * (signal_columns + action_width + raw_columns + 2) + 4;
        let (each, positions) = ((SEGMENT / (row * num_envs)).max(1), self.positions());
        (0..positions.div_ceil(each))
            .map(move |i| (format!("replay.{i:04}"), i * each..((i + 1) * each).min(positions)))
    }

    fn write_position(&self, p: usize, out: &mut Vec<u8>) -> Result<(), LearnError> {
        let ReplayLayout { num_envs: n, action_width, raw_columns, signal_columns, .. } = self.layout;
        let mut floats = |values: &[f32]| values.iter().for_each(|x| out.extend(x.to_le_bytes()));
        floats(&self.signals[p * n * signal_columns..][..n * signal_columns]);
        for (part, size) in self.obs.iter().zip(self.part_sizes()) {
            match part {
                PartData::F32(data) => floats(&data[p * n * size..][..n * size]),
                PartData::U8(_) => {}
            }
        }
        let has_step = self.age(p) != Some(self.filled);
        if has_step {
            floats(&self.actions[p * n * action_width..][..n * action_width]);
            floats(&self.raw[p * n * raw_columns..][..n * raw_columns]);
            floats(&self.rewards[p * n..][..n]);
            floats(&self.score[p * n..][..n]);
        }
        for (part, size) in self.obs.iter().zip(self.part_sizes()) {
            if let PartData::U8(data) = part {
                out.extend_from_slice(&data[p * n * size..][..n * size]);
            }
        }
        if has_step {
            for flags in [&self.terminated, &self.truncated, &self.success] {
                out.extend(flags[p * n..][..n].iter().map(|&flag| u8::from(flag)));
            }
            out.extend_from_slice(&self.cause[p * n..][..n]);
            out.extend(self.revision[p].to_le_bytes());
            let finals = write_state("replay", &self.finals[p])?;
            out.extend((finals.len() as u32).to_le_bytes());
            out.extend(finals);
        }
        Ok(())
    }

    fn read_position(&mut self, p: usize, bytes: &mut Bytes<'_>) -> Result<(), LearnError> {
        let ReplayLayout { num_envs: n, action_width, raw_columns, signal_columns, .. } = self.layout;
        let sizes: Vec<usize> = self.part_sizes().collect();
        let has_step = self.age(p) != Some(self.filled);
        bytes.floats(&mut self.signals[p * n * signal_columns..][..n * signal_columns])?;
        for (part, size) in self.obs.iter_mut().zip(&sizes) {
            if let PartData::F32(data) = part {
                bytes.floats(&mut data[p * n * size..][..n * size])?;
            }
        }
        if has_step {
            bytes.floats(&mut self.actions[p * n * action_width..][..n * action_width])?;
            bytes.floats(&mut self.raw[p * n * raw_columns..][..n * raw_columns])?;
            bytes.floats(&mut self.rewards[p * n..][..n])?;
            bytes.floats(&mut self.score[p * n..][..n])?;
        }
        for (part, size) in self.obs.iter_mut().zip(&sizes) {
            if let PartData::U8(data) = part {
                data[p * n * size..][..n * size].copy_from_slice(bytes.take(n * size)?);
            }
        }
        if has_step {
            for flags in [&mut self.terminated, &mut self.truncated, &mut self.success] {
                let read = bytes.take(n)?.iter().map(|&byte| byte != 0);
                flags[p * n..][..n].iter_mut().zip(read).for_each(|(flag, read)| *flag = read);
            }
            self.cause[p * n..][..n].copy_from_slice(bytes.take(n)?);
            self.revision[p] = bytes.number()?;
            let len = bytes.number()? as usize;
            let finals: Finals = read_state(bytes.part, bytes.take(len)?)?;
            self.finals[p] = self.checked(finals, p, bytes.part)?;
        }
        Ok(())
    }

    /// Final states must be those of the episodes that ended at their position.
    fn checked(&self, finals: Finals, p: usize, part: &str) -> Result<Finals, LearnError> {
        let n = self.layout.num_envs;
        let ended = (0..n).filter(|env| self.terminated[p * n + env] || self.truncated[p * n + env]);
        let count = finals.envs.len();
        let sizes = self.part_sizes();
        let fit = |(part, size): (&PartData, usize)| part.f32().len().max(part.u8().len()) == count * size;
        let whole = finals.signals.len() == count * self.layout.signal_columns
            && (count == 0 || finals.obs.len() == self.obs.len())
            && finals.obs.iter().zip(sizes).all(fit)
            && finals.obs.iter().zip(&self.obs).all(|(a, b)| discriminant(a) == discriminant(b));
        if !whole || !ended.map(|env| env as u32).eq(finals.envs.iter().copied()) {
            return Err(LearnError::checkpoint(part, "holds final states of other episodes"));
        }
        Ok(finals)
    }
}

/// What is left to read of a part.
struct Bytes<'a> {
    part: &'a str,
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], LearnError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(LearnError::checkpoint(self.part, "ends too early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn floats(&mut self, out: &mut [f32]) -> Result<(), LearnError> {
        let (quads, _) = self.take(4 * out.len())?.as_chunks::<4>();
        out.iter_mut().zip(quads).for_each(|(slot, quad)| *slot = f32::from_le_bytes(*quad));
        Ok(())
    }

    fn number(&mut self) -> Result<u32, LearnError> {
        let (quads, _) = self.take(4)?.as_chunks::<4>();
        Ok(u32::from_le_bytes(quads[0]))
    }

    fn finish(&self) -> Result<(), LearnError> {
        match self.rest {
            [] => Ok(()),
            rest => Err(LearnError::checkpoint(self.part, format!("has {} bytes too many", rest.len()))),
        }
    }
}
