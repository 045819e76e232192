//! Pictures show what they are stamped with, each within its own borders.

#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_render::{RenderConfig, RenderError, Renderer, Stamp, View};
use carrot_sim::{Body, Camera, Drawing, Frame, Shape, VecEnv, VecEnvConfig};

const SIZE: u32 = 64;
/// Lamps in a row that show a number in binary.
const LAMPS: u32 = 16;
const SIDE: Camera = Camera::beside([0.0; 3], LAMPS as f32);

fn renderer(samples: u32) -> Renderer {
    Renderer::new(RenderConfig { size: SIZE, samples }).unwrap()
}

/// A drawing of a number: a white box for every bit that is set.
fn number(value: u32) -> Drawing {
    let lamps = (0..LAMPS).filter(|bit| value >> bit & 1 == 1).map(|bit| {
        let x = bit as f32 - 0.5 * (LAMPS - 1) as f32;
        Body::at("lamp", Shape::Cuboid([0.5, 0.5, 0.5]), [x, 0.0, 0.0], [1.0; 4])
    });
    let back = Body::at("back", Shape::Cuboid([8.0, 0.1, 8.0]), [0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 1.0]);
    Drawing::of(lamps.chain([back]).collect())
}

/// The number that a picture shows.
fn read(picture: &[u8]) -> u32 {
    let pixel = |x: u32, y: u32| picture[((y * SIZE + x) * 3) as usize];
    (0..LAMPS).map(|bit| u32::from(pixel(bit * 4 + 2, SIZE / 2) > 100) << bit).sum()
}

#[test]
fn a_thousand_frames_show_the_step_they_are_stamped_with() {
    let mut renderer = renderer(1);
    let mut seen = 0;
    // Batches of many sizes, so that atlases are made anew and used again.
    for count in [1, 2, 7, 7, 64, 255, 256, 257, 151] {
        let drawings: Vec<Drawing> = (seen..seen + count).map(number).collect();
        let stamps = (seen..seen + count).map(|step| Stamp { env: step % 7, episode: step / 7, step });
        let views: Vec<View<'_>> = drawings
            .iter()
            .zip(stamps)
            .map(|(drawing, stamp)| View { drawing, camera: &SIDE, stamp })
            .collect();
        let pictures = renderer.render(&views).unwrap();
        assert_eq!(pictures.data.len(), (count * SIZE * SIZE * 3) as usize);
        for (index, stamp) in pictures.stamps.iter().enumerate() {
            assert_eq!((read(pictures.picture(index)), stamp.env), (stamp.step, stamp.step % 7));
        }
        seen += count;
    }
    assert_eq!(seen, 1000);
}

#[test]
fn more_pictures_than_the_atlas_holds_come_in_several_passes() {
    let drawings: Vec<Drawing> = (0..1500).map(number).collect();
    let views: Vec<View<'_>> = (0_u32..)
        .zip(&drawings)
        .map(|(step, drawing)| View { drawing, camera: &SIDE, stamp: Stamp { env: 0, episode: 0, step } })
        .collect();
    let pictures = renderer(1).render(&views).unwrap();
    assert!((0..1500).all(|index| read(pictures.picture(index as usize)) == index));
}

#[test]
fn what_is_larger_than_its_picture_stays_within_it() {
    let wide = Body::at("wide", Shape::Cuboid([1e3, 1.0, 1e3]), [0.0; 3], [1.0, 0.0, 0.0, 1.0]);
    let wide = Drawing::of(vec![wide]);
    let empty = Drawing::default();
    let stamp = Stamp { env: 0, episode: 0, step: 0 };
    for samples in [1, 4] {
        let mut renderer = renderer(samples);
        let views = [&empty, &empty, &empty, &empty, &wide, &empty, &empty, &empty, &empty];
        let views = views.map(|drawing| View { drawing, camera: &SIDE, stamp });
        let pictures = renderer.render(&views).unwrap();
        let alone = renderer.render(&views[4..5]).unwrap();
        let background = pictures.picture(0)[..3].to_vec();
        for index in 0..views.len() {
            let is_background = pictures.picture(index).chunks_exact(3).all(|pixel| pixel == background);
            assert_eq!(is_background, index != 4, "picture {index}, {samples} samples");
        }
        assert_eq!(pictures.picture(4), alone.picture(0), "a picture does not depend on its neighbours");
    }
}

#[test]
fn every_task_draws_something_that_moves() {
    let mut renderer = renderer(4);
    for name in carrot_tasks::task_names() {
        let task = carrot_tasks::build_task(name).unwrap();
        let camera = task.camera();
        let config = VecEnvConfig {
            num_envs: 2,
            num_steps: 1,
            shards: 1,
            seed: 4,
            keep_signals: false,
            autoreset: true,
        };
        let mut env = VecEnv::new(task, config, &|_| {}).unwrap();
        let frames = [0, 1].map(|row| env.frame(row).unwrap());
        let pictures = renderer.render(&frames.each_ref().map(|frame| View::of(frame, &camera))).unwrap();
        let mut colors: Vec<&[u8]> = pictures.picture(0).chunks_exact(3).collect();
        colors.sort_unstable();
        colors.dedup();
        assert!(colors.len() > 5, "{name}: {} colours", colors.len());
        let is_same_start = frames[0].drawing == frames[1].drawing;
        assert_eq!(pictures.picture(0) == pictures.picture(1), is_same_start, "{name}");
    }
}

#[test]
fn a_board_of_tiles_looks_as_if_it_were_drawn_at_once() {
    let task = carrot_tasks::build_task("DoorKey-8x8").unwrap();
    let camera = task.camera();
    let config =
        VecEnvConfig { num_envs: 16, num_steps: 1, shards: 1, seed: 4, keep_signals: false, autoreset: true };
    let mut env = VecEnv::new(task, config, &|_| {}).unwrap();
    let boards: Vec<_> = (0..16).map(|row| env.frame(row).unwrap()).collect();
    // A body somewhere else makes a scene of a board.
    let nowhere = Body::at("nowhere", Shape::Sphere(0.1), [-100.0, 0.0, 0.0], [1.0; 4]);
    let mut scenes = boards.clone();
    scenes.iter_mut().for_each(|frame| frame.drawing.bodies.push(nowhere.clone()));
    let mut renderer = renderer(4);
    let mut draw = |frames: &[Frame]| {
        let views: Vec<View<'_>> = frames.iter().map(|frame| View::of(frame, &camera)).collect();
        renderer.render(&views).unwrap()
    };
    let (composed, drawn) = (draw(&boards), draw(&scenes));
    let apart: Vec<u8> = composed.data.iter().zip(&drawn.data).map(|(a, b)| a.abs_diff(*b)).collect();
    let mean = apart.iter().map(|x| f64::from(*x)).sum::<f64>() / apart.len() as f64;
    assert!(mean < 0.5, "{mean}");
    // Boards that are asked for again, in another order and between scenes, are the same.
    let mixed = draw(&[boards[7].clone(), scenes[3].clone(), boards[2].clone()]);
    assert_eq!(mixed.picture(0), composed.picture(7));
    assert_eq!(mixed.picture(1), drawn.picture(3));
    assert_eq!(mixed.picture(2), composed.picture(2));
}

#[test]
fn sizes_that_cannot_be_drawn_are_refused() {
    for (size, samples) in [(8, 1), (4096, 1), (64, 3)] {
        let found = Renderer::new(RenderConfig { size, samples });
        assert!(matches!(found, Err(RenderError::Size { .. } | RenderError::Samples { .. })));
    }
}
