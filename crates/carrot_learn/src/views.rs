//! Tensors that look at rollout buffers without copying them; every raw pointer to a buffer is made here.
//!
//! A [`View`] never hands its tensor out. It only gathers and copies, so that no tensor can outlive the
//! buffer, nothing writes to it, and arithmetic always runs on libtorch's own aligned memory: what an
//! operator computes may depend on the alignment of its input in the last bit.

use std::marker::PhantomData;

use tch::{Device, Kind, Tensor};

use crate::LearnError;

/// A tensor over a borrowed buffer.
pub(crate) struct View<'a> {
    tensor: Tensor,
    buffer: PhantomData<&'a [u8]>,
}

impl<'a> View<'a> {
    /// A view of floats.
    ///
    /// # Errors
    /// When the shape does not hold as many values as the buffer.
    pub(crate) fn f32(data: &'a [f32], shape: &[i64]) -> Result<Self, LearnError> {
        Self::new(data, shape, Kind::Float)
    }

    /// A view of bytes.
    ///
    /// # Errors
    /// Like [`View::f32`].
    pub(crate) fn u8(data: &'a [u8], shape: &[i64]) -> Result<Self, LearnError> {
        Self::new(data, shape, Kind::Uint8)
    }

    /// A view of indices.
    ///
    /// # Errors
    /// Like [`View::f32`].
    pub(crate) fn i64(data: &'a [i64], shape: &[i64]) -> Result<Self, LearnError> {
        Self::new(data, shape, Kind::Int64)
    }

    fn new<T: tch::kind::Element>(data: &'a [T], shape: &[i64], kind: Kind) -> Result<Self, LearnError> {
        debug_assert_eq!(T::KIND, kind);
        LearnError::expect_len("a view", data.len(), shape.iter().product::<i64>() as usize)?;
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        // SAFETY: the pointer is valid for the product of `shape` elements of `T`, whose kind is `kind`
        // (length checked above), for as long as `'a`. The tensor is private to `View<'a>`, which gives no
        // tensor away that shares the storage, so it cannot outlive `'a`; only operators that read it are
        // called, so the shared borrow holds.
        #[allow(unsafe_code, reason = "a view of a Rust buffer is made from its address")]
        let tensor =
            unsafe { Tensor::f_from_blob(data.as_ptr().cast(), shape, &strides, kind, Device::Cpu)? };
        Ok(Self { tensor, buffer: PhantomData })
    }

    /// The same values, on the CPU still the buffer itself, elsewhere moved there once.
    pub(crate) fn on(self, device: Device) -> Result<Self, LearnError> {
        if device == Device::Cpu {
            return Ok(self);
        }
        Ok(Self { tensor: self.tensor.f_to_device(device)?, buffer: PhantomData })
    }

    /// Copies of the rows that an index names.
    pub(crate) fn gather(&self, rows: &Tensor) -> Result<Tensor, LearnError> {
        Ok(self.tensor.f_index_select(0, rows)?)
    }

    /// A copy of everything, on a device.
    pub(crate) fn copied(&self, device: Device) -> Result<Tensor, LearnError> {
        // `to_device` gives the same tensor where the device is the same, so the CPU needs a real copy.
        if device == Device::Cpu {
            let mut copy = self.tensor.f_empty_like()?;
            copy.f_copy_(&self.tensor)?;
            return Ok(copy);
        }
        Ok(self.tensor.f_to_device(device)?)
    }
}

/// Copies a float tensor out, row-major.
pub(crate) fn read_f32(tensor: &Tensor, out: &mut [f32]) -> Result<(), LearnError> {
    LearnError::expect_len("a tensor", tensor.numel(), out.len())?;
    Ok(tensor.f_contiguous()?.f_copy_data(out, out.len())?)
}

/// The floats of a tensor on the CPU, to read in place.
pub(crate) fn floats(tensor: &Tensor) -> Result<&[f32], LearnError> {
    expect_floats(tensor)?;
    // SAFETY: the tensor is contiguous, on the CPU and of `f32` (checked above), so its pointer is aligned and
    // valid for that many elements, and it lives as long as the borrow. libtorch writes to it within calls
    // that are given the tensor mutably only.
    #[allow(unsafe_code, reason = "the elements of a tensor are reached by their address")]
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) })
}

/// The floats of a tensor on the CPU, to change in place.
pub(crate) fn floats_mut(tensor: &mut Tensor) -> Result<&mut [f32], LearnError> {
    expect_floats(tensor)?;
    // SAFETY: as in `floats`; the borrow is a mutable one, and tensors that share this one's memory are used
    // within libtorch's calls only, none of which runs while the caller computes on the slice.
    #[allow(unsafe_code, reason = "the elements of a tensor are reached by their address")]
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) })
}

fn expect_floats(tensor: &Tensor) -> Result<(), LearnError> {
    if tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous() {
        return Ok(());
    }
    Err(LearnError::Space("expected a dense tensor of floats on the CPU".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_and_copies_hold_their_own_memory() {
        let mut data = vec![0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0];
        let index = [2_i64, 0];
        let (picked, copy) = {
            let view = View::f32(&data, &[3, 2]).unwrap();
            let index = View::i64(&index, &[2]).unwrap().copied(Device::Cpu).unwrap();
            (view.gather(&index).unwrap(), view.copied(Device::Cpu).unwrap())
        };
        data.fill(9.0);
        let mut out = [0.0; 4];
        read_f32(&picked, &mut out).unwrap();
        assert_eq!(out, [4.0, 5.0, 0.0, 1.0]);
        assert_eq!(copy.double_value(&[1, 1]), 3.0);
        assert_eq!(copy.data_ptr() as usize % 64, 0);
    }

    #[test]
    fn a_shape_that_does_not_fit_is_refused() {
        assert!(matches!(
            View::u8(&[1, 2, 3], &[2, 2]),
            Err(LearnError::Length { given: 3, expected: 4, .. })
        ));
    }
}
