//! A term's value as a short program over columns: a register machine that works on blocks of rows.
//!
//! A register is a block of one column, small enough for all of a program's registers to stay in the first-level
//! cache. Signals are read where they lie; constants and parameters are registers that are filled once.

use multiversion::multiversion;

use super::arena::{Arena, Id, Op};
use super::op::{Binary, Unary, flag, outside, select};
use crate::kind::Transition;
use crate::kinds::EndFlag;

/// Rows that an instruction works on at a time.
pub(crate) const BLOCK: usize = 256;

/// A column of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Register(u16),
    Now(u32),
    Before(u32),
}

/// One pass over a block.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Unary(Unary, Operand),
    Binary(Binary, Operand, Operand),
    Select(Operand, Operand, Operand),
    Outside(Operand, Operand, Operand),
    End(EndFlag),
    Cause(carrot_sim::Cause),
}

/// What fills a register before the first block.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fill {
    Const(f32),
    Param(u32),
}

/// Work and the register that takes its result.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Instruction {
    work: Work,
    to: u16,
}

/// A term's value, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    fills: Vec<Fill>,
    body: Vec<Instruction>,
    /// The last pass, which writes the raw column itself.
    last: Work,
    registers: usize,
}

impl Program {
    /// The program of one value: what it needs in order, with registers used again once their value is spent.
    pub(crate) fn new(arena: &Arena, root: Id) -> Self {
        let mut last_use = vec![None; arena.len()];
        let mut needed = vec![root];
        last_use[root as usize] = Some(root);
        while let Some(id) = needed.pop() {
            for operand in arena.op(id).operands() {
                let last = &mut last_use[operand as usize];
                if last.is_none() {
                    needed.push(operand);
                }
                *last = (*last).max(Some(id));
            }
        }
        let mut places = vec![None; arena.len()];
        let (mut fills, mut body, mut free, mut registers) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let used: Vec<Id> = (0..=root).filter(|&id| last_use[id as usize].is_some()).collect();
        let constants = used.iter().filter_map(|&id| match arena.op(id) {
            Op::Const(bits) => Some((id, Fill::Const(f32::from_bits(bits)))),
            Op::Param(index) => Some((id, Fill::Param(index))),
            _ => None,
        });
        for (id, fill) in constants {
            places[id as usize] = Some(Operand::Register(registers));
            fills.push(fill);
            registers += 1;
        }
        for &id in &used {
            let op = arena.op(id);
            if let Op::Signal { column, before } = op {
                places[id as usize] =
                    Some(if before { Operand::Before(column) } else { Operand::Now(column) });
            }
            let Some(work) = work_of(op, &places).filter(|_| id != root) else { continue };
            // Taken before the operands' registers are free: no pass writes what it reads.
            let to = free.pop().unwrap_or_else(|| {
                registers += 1;
                registers - 1
            });
            places[id as usize] = Some(Operand::Register(to));
            body.push(Instruction { work, to });
            let mut spent: Vec<Id> = op.operands().filter(|&o| last_use[o as usize] == Some(id)).collect();
            spent.dedup();
            for operand in spent {
                if let (Some(Operand::Register(r)), false) =
                    (places[operand as usize], matches!(arena.op(operand), Op::Const(_) | Op::Param(_)))
                    && !free.contains(&r)
                {
                    free.push(r);
                }
            }
        }
        let own = places[root as usize].map(|place| Work::Unary(Unary::Same, place));
        let last = work_of(arena.op(root), &places).or(own);
        Self {
            fills,
            body,
            last: last.unwrap_or(Work::End(EndFlag::Terminated)),
            registers: registers.into(),
        }
    }

    /// Passes over each block.
    pub(crate) fn passes(&self) -> usize {
        self.body.len() + 1
    }

    /// Runs over all rows.
    ///
    /// # Shapes
    /// `params` one value per declared parameter, `raw` `[N]`.
    pub(crate) fn run(&self, step: &Transition<'_>, params: &[f32], raw: &mut [f32]) {
        let width = BLOCK.min(raw.len());
        let mut registers = vec![vec![0.0_f32; width]; self.registers];
        for (register, fill) in registers.iter_mut().zip(&self.fills) {
            register.fill(match *fill {
                Fill::Const(value) => value,
                Fill::Param(index) => params.get(index as usize).copied().unwrap_or(0.0),
            });
        }
        run_blocks(self, step, &mut registers, raw);
    }
}

fn work_of(op: Op, places: &[Option<Operand>]) -> Option<Work> {
    let place = |id: Id| places[id as usize];
    Some(match op {
        Op::Const(_) | Op::Param(_) | Op::Signal { .. } => return None,
        Op::End(end) => Work::End(end),
        Op::Cause(cause) => Work::Cause(cause),
        Op::Unary(op, a) => Work::Unary(op, place(a)?),
        Op::Binary(op, a, b) => Work::Binary(op, place(a)?, place(b)?),
        Op::Select(c, a, b) => Work::Select(place(c)?, place(a)?, place(b)?),
        Op::Outside(x, low, high) => Work::Outside(place(x)?, place(low)?, place(high)?),
    })
}

#[multiversion(targets("x86_64+avx2"))]
fn run_blocks(program: &Program, step: &Transition<'_>, registers: &mut [Vec<f32>], raw: &mut [f32]) {
    for (index, out) in raw.chunks_mut(BLOCK).enumerate() {
        let block = Block { step, start: index * BLOCK, rows: out.len() };
        for Instruction { work, to } in &program.body {
            // The register leaves the row of registers while it is written, so that the others can be read.
            let mut taken = std::mem::take(&mut registers[*to as usize]);
            pass(*work, &block, registers, &mut taken[..block.rows]);
            registers[*to as usize] = taken;
        }
        pass(program.last, &block, registers, out);
    }
}

struct Block<'a> {
    step: &'a Transition<'a>,
    start: usize,
    rows: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn column<'r>(&'r self, place: Operand, registers: &'r [Vec<f32>]) -> &'r [f32] {
        match place {
            Operand::Register(index) => &registers[index as usize][..self.rows],
            Operand::Now(column) => &self.step.now.column(column as usize)[self.start..][..self.rows],
            Operand::Before(column) => &self.step.before.column(column as usize)[self.start..][..self.rows],
        }
    }
}

/// One loop per operation, so that each vectorises.
#[inline(always)]
fn pass(work: Work, block: &Block<'_>, registers: &[Vec<f32>], out: &mut [f32]) {
    match work {
        Work::Unary(op, a) => {
            let a = block.column(a, registers);
            macro_rules! each {
                ($($op:ident),*) => { match op { $(Unary::$op => map(out, a, |x| Unary::$op.apply(x))),* } };
            }
            each!(Same, Negate, Abs, Sign, Sqrt, Exp, Log, Tanh, Sigmoid, Cos, Not);
        }
        Work::Binary(op, a, b) => {
            let (a, b) = (block.column(a, registers), block.column(b, registers));
            macro_rules! each {
                ($($op:ident),*) => { match op { $(Binary::$op => map2(out, a, b, |x, y| Binary::$op.apply(x, y))),* } };
            }
            each!(Add, Subtract, Multiply, Divide, Min, Max, Less, LessOrEqual, Equal, And, Or, Atan2);
        }
        Work::Select(c, a, b) => map3(out, [c, a, b].map(|place| block.column(place, registers)), select),
        Work::Outside(x, low, high) => {
            map3(out, [x, low, high].map(|place| block.column(place, registers)), outside);
        }
        Work::End(end) => {
            let flags = match end {
                EndFlag::Terminated => block.step.terminated,
                EndFlag::Truncated => block.step.truncated,
            };
            let flags = &flags[block.start..][..block.rows];
            out.iter_mut().zip(flags).for_each(|(out, &set)| *out = flag(set));
        }
        Work::Cause(cause) => {
            let causes = &block.step.cause[block.start..][..block.rows];
            out.iter_mut().zip(causes).for_each(|(out, &own)| *out = flag(own == cause));
        }
    }
}

#[inline(always)]
fn map(out: &mut [f32], a: &[f32], op: impl Fn(f32) -> f32) {
    out.iter_mut().zip(a).for_each(|(out, &x)| *out = op(x));
}

#[inline(always)]
fn map2(out: &mut [f32], a: &[f32], b: &[f32], op: impl Fn(f32, f32) -> f32) {
    out.iter_mut().zip(a).zip(b).for_each(|((out, &x), &y)| *out = op(x, y));
}

#[inline(always)]
fn map3(out: &mut [f32], [a, b, c]: [&[f32]; 3], op: impl Fn(f32, f32, f32) -> f32) {
    let rows = out.iter_mut().zip(a).zip(b).zip(c);
    rows.for_each(|(((out, &x), &y), &z)| *out = op(x, y, z));
}
