//! An image-text model at work: draws what was looked at, sees it once, and answers questions about it.

use std::collections::HashMap;
use std::sync::Arc;

use carrot_learn::vlm::Vlm;
use carrot_render::{Pictures, RenderConfig, Renderer, Stamp, View};
use carrot_reward::{Picture, PictureScorer, Question, RewardModel};
use carrot_sim::{Camera, Look, Task};

use crate::error::LabError;

/// Embeddings that are kept, in bytes; beyond, all are forgotten.
const CACHE: usize = 64 << 20;

/// An image-text model that looks at one task.
pub struct Eyes {
    vlm: Vlm,
    renderer: Renderer,
    camera: Camera,
    /// Embeddings of pictures by their content.
    seen: HashMap<[u8; 32], Arc<[f32]>>,
    /// Embeddings of prompts.
    read: HashMap<String, Vec<f32>>,
    cost: Cost,
}

/// What looking has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Pictures drawn.
    pub pictures: u64,
    /// Pictures that were not seen before.
    pub fresh: u64,
}

impl Eyes {
    /// Eyes on a task, with pictures of the model's own size.
    ///
    /// # Errors
    /// When there is no device that draws.
    pub fn new(vlm: Vlm, task: &dyn Task) -> Result<Self, LabError> {
        let size = vlm.config().image as u32;
        let renderer = Renderer::new(RenderConfig { size, samples: 4 })?;
        let (seen, read) = (HashMap::new(), HashMap::new());
        Ok(Self { vlm, renderer, camera: task.camera(), seen, read, cost: Cost::default() })
    }

    /// Embeddings of what was looked at, one after the other.
    ///
    /// # Errors
    /// When pictures cannot be drawn, or libtorch refuses.
    pub fn see(&mut self, looks: &[&Look]) -> Result<Vec<Arc<[f32]>>, LabError> {
        let pictures = self.draw(looks)?;
        let (size, width) = (pictures.size as usize, self.vlm.config().embedding);
        if self.seen.len() * width * size_of::<f32>() > CACHE {
            self.seen.clear();
        }
        let keys: Vec<[u8; 32]> =
            (0..looks.len()).map(|i| *blake3::hash(pictures.picture(i)).as_bytes()).collect();
        let mut fresh: Vec<usize> = (0..keys.len()).filter(|&i| !self.seen.contains_key(&keys[i])).collect();
        fresh.sort_by_key(|&i| keys[i]);
        fresh.dedup_by_key(|i| keys[*i]);
        let bytes: Vec<u8> = fresh.iter().flat_map(|&i| pictures.picture(i)).copied().collect();
        let embedded = self.vlm.see(&bytes, [size, size])?;
        for (&i, embedding) in fresh.iter().zip(embedded.chunks_exact(width)) {
            self.seen.insert(keys[i], embedding.into());
        }
        self.cost.pictures += looks.len() as u64;
        self.cost.fresh += fresh.len() as u64;
        Ok(keys.iter().filter_map(|key| self.seen.get(key).cloned()).collect())
    }

    fn draw(&mut self, looks: &[&Look]) -> Result<Pictures, LabError> {
        let views: Vec<View<'_>> = looks
            .iter()
            .map(|look| View {
                drawing: &look.drawing,
                camera: &self.camera,
                stamp: Stamp { env: look.row, episode: look.episode, step: look.step },
            })
            .collect();
        Ok(self.renderer.render(&views)?)
    }

    /// Embeddings of prompts, one after the other.
    fn read(&mut self, prompts: &[&str]) -> Result<Vec<f32>, LabError> {
        for &prompt in prompts {
            if !self.read.contains_key(prompt) {
                let embedding = self.vlm.read(&[prompt])?;
                self.read.insert(prompt.to_owned(), embedding);
            }
        }
        Ok(prompts.iter().filter_map(|prompt| self.read.get(*prompt)).flatten().copied().collect())
    }

    fn ask(&mut self, questions: &[&Question], looks: &[&Look]) -> Result<Vec<f32>, LabError> {
        let seen = self.see(looks)?;
        let factors = self.vlm.factors();
        let mut answers = Vec::with_capacity(questions.len() * looks.len());
        for question in questions {
            let words = self.read(&question.prompts())?;
            answers.extend(seen.iter().map(|seen| question.answer(seen, &words, factors)));
        }
        Ok(answers)
    }
}

impl RewardModel for Eyes {
    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &[String] {
        &[]
    }

    fn score(&mut self, _: &[f32], _: &mut [f32]) -> Result<(), String> {
        Err("it sees pictures and reads no signals; ask it with `Vlm(goal: \"..\")`".into())
    }

    fn pictures(&mut self) -> Option<&mut dyn PictureScorer> {
        Some(self)
    }
}

impl PictureScorer for Eyes {
    fn answers(&mut self, questions: &[&Question], looks: &[&Look]) -> Result<Vec<f32>, String> {
        self.ask(questions, looks).map_err(|error| error.to_string())
    }

    fn picture(&mut self, look: &Look) -> Result<Picture, String> {
        let drawn = self.draw(&[look]).map_err(|error| error.to_string())?;
        Ok(Picture { size: drawn.size as usize, rgb: drawn.data })
    }
}
