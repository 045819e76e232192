//! Pictures as observations: what agents see where a task draws for them instead of telling numbers.

use crate::error::SimError;
use crate::frame::Drawing;
use crate::space::ObsPart;

/// Draws what agents observe in place of the task's own parts.
pub trait Painter: Send + Sync {
    /// What its pictures become.
    fn pixels(&self) -> PixelSpec;

    /// Draws rows, one picture after the other, into `[rows, side, side, 3]`.
    ///
    /// # Errors
    /// When nothing can be drawn, with the reason.
    fn paint(&mut self, drawings: &[Drawing], out: &mut [u8]) -> Result<(), String>;
}

/// How pictures become observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelSpec {
    /// Side in pixels.
    pub side: usize,
    /// Pictures in one observation: that of now and those of the steps before, which tell what moves.
    pub stack: usize,
}

impl PixelSpec {
    /// The observation part, `[side, side, 3 stack]` bytes; channels are in the order of time.
    pub fn part(self) -> ObsPart {
        ObsPart::bytes("pixels", &[self.side, self.side, 3 * self.stack], 255)
    }

    /// Bytes of one picture.
    fn picture(self) -> usize {
        self.side * self.side * 3
    }
}

/// The painter of a batch, and the pictures that it made last.
pub(crate) struct Pixels {
    painter: Box<dyn Painter>,
    spec: PixelSpec,
    drawn: Vec<u8>,
}

/// What a new picture does to the observation before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A step was taken: the oldest picture goes.
    Push,
    /// An episode begins: it is all there is.
    Begin,
    /// The state was edited: it takes the place of the newest one.
    Replace,
}

impl Pixels {
    pub(crate) fn new(painter: Box<dyn Painter>) -> Self {
        Self { spec: painter.pixels(), painter, drawn: Vec::new() }
    }

    /// Draws rows.
    pub(crate) fn paint(&mut self, drawings: &[Drawing]) -> Result<(), SimError> {
        self.drawn.resize(drawings.len() * self.spec.picture(), 0);
        self.painter.paint(drawings, &mut self.drawn).map_err(SimError::Painter)
    }

    /// Writes an observation: what came before it and the picture that was drawn last for a row.
    pub(crate) fn write(&self, turn: Turn, row: usize, before: &[u8], out: &mut [u8]) {
        let (picture, stack) = (self.spec.picture(), self.spec.stack);
        let drawn = self.drawn[row * picture..][..picture].chunks_exact(3);
        let rows = out.chunks_exact_mut(3 * stack).zip(before.chunks_exact(3 * stack));
        for ((out, before), pixel) in rows.zip(drawn) {
            let newest = 3 * (stack - 1);
            match turn {
                Turn::Push => out[..newest].copy_from_slice(&before[3..]),
                Turn::Replace => out[..newest].copy_from_slice(&before[..newest]),
                Turn::Begin => out[..newest].chunks_exact_mut(3).for_each(|old| old.copy_from_slice(pixel)),
            }
            out[newest..].copy_from_slice(pixel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paints the number of contacts.
    struct Dots;

    impl Painter for Dots {
        fn pixels(&self) -> PixelSpec {
            PixelSpec { side: 2, stack: 3 }
        }

        fn paint(&mut self, drawings: &[Drawing], out: &mut [u8]) -> Result<(), String> {
            for (drawing, picture) in drawings.iter().zip(out.chunks_exact_mut(12)) {
                picture.fill(drawing.contacts.len() as u8);
            }
            Ok(())
        }
    }

    #[test]
    fn a_stack_holds_the_last_pictures_in_the_order_of_time() {
        assert_eq!(Dots.pixels().part().shape, [2, 2, 9]);
        let mut pixels = Pixels::new(Box::new(Dots));
        let still = crate::Contact { position: [0.0; 3], force: [0.0; 3] };
        let mut obs = vec![0; 36];
        let mut see = |count: usize, turn| {
            let drawing = Drawing { contacts: vec![still; count], ..Drawing::default() };
            pixels.paint(&[Drawing::default(), drawing]).unwrap();
            let before = obs.clone();
            pixels.write(turn, 1, &before, &mut obs);
            assert!(obs.chunks(9).all(|pixel| pixel == &obs[..9]));
            [obs[0], obs[3], obs[6]]
        };
        assert_eq!(see(4, Turn::Begin), [4, 4, 4]);
        assert_eq!(see(5, Turn::Push), [4, 4, 5]);
        assert_eq!(see(6, Turn::Push), [4, 5, 6]);
        assert_eq!(see(7, Turn::Replace), [4, 5, 7]);
    }
}
