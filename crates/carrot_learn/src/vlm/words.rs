//! From texts to tokens.

use std::path::Path;

use tokenizers::Tokenizer;

use super::VlmError;
use super::config::{Family, TowersConfig};

/// Reads texts as a model was taught to.
pub(super) struct Words {
    tokenizer: Tokenizer,
    config: TowersConfig,
    padding: i64,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("vocabulary", &self.config.vocabulary).finish_non_exhaustive()
    }
}

impl Words {
    /// Reads the bytes of a `tokenizer.json`.
    pub(super) fn parse(path: &Path, text: &[u8], config: TowersConfig) -> Result<Self, VlmError> {
        let refuse = |message: String| VlmError::file(path, message);
        let mut tokenizer = Tokenizer::from_bytes(text)
            .map_err(|error| refuse(format!("is no tokenizer ({error}); download it again")))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        let most = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if most > config.vocabulary {
            let known = config.vocabulary;
            return Err(refuse(format!(
                "has {most} tokens, the model knows {known}: it belongs to another model"
            )));
        }
        let named = ["<pad>", "<|endoftext|>"].iter().find_map(|name| tokenizer.token_to_id(name));
        let padding = i64::from(named.unwrap_or(config.end as u32));
        Ok(Self { tokenizer, config, padding })
    }

    /// Texts `[B, L]`, each filled up to the longest, or to the model's length where it was taught so.
    pub(super) fn read(&self, texts: &[&str]) -> Result<(Vec<i64>, usize), VlmError> {
        let most = self.config.context;
        let mut rows = Vec::with_capacity(texts.len());
        for text in texts {
            let found = self.tokenizer.encode(*text, true);
            let found = found.map_err(|error| crate::LearnError::Space(format!("the tokenizer: {error}")))?;
            let ids: Vec<i64> = found.get_ids().iter().map(|&id| i64::from(id)).collect();
            if ids.len() > most {
                let text = text.chars().take(60).collect();
                return Err(VlmError::TooLong { text, tokens: ids.len(), most });
            }
            rows.push(ids);
        }
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let width = if self.config.family != Family::Clip { most } else { longest };
        rows.iter_mut().for_each(|row| row.resize(width, self.padding));
        Ok((rows.concat(), width))
    }
}
