//! The models that reward: files of fitted networks, and folders of image-text models.

use std::path::Path;

use carrot_learn::Device;
use carrot_learn::vlm::{VLM_FILES, Vlm};
use carrot_reward::{Graph, RewardModels};

use crate::error::LabError;
use crate::fit::load_models;
use crate::setup::{ModelFiles, Setup};
use crate::vlm::scorer::Eyes;

/// Name of the folder that holds a run's reward models.
const MODELS: &str = "models";

/// Opens every model that the rewards of a setup need.
///
/// # Errors
/// When a file cannot be read or is no model, or pictures are needed and there is no device that draws.
pub fn open_models(setup: &Setup, device: Device) -> Result<RewardModels, LabError> {
    let mut models = load_models(&setup.models)?;
    for (asked, _) in setup.graphs.iter().flat_map(Graph::asked) {
        if models.contains_key(&asked.model) {
            continue;
        }
        let vlm = match setup.models.get(&asked.model) {
            Some(folder) => Vlm::open(folder, device)?,
            None => return Err(LabError::Refused(format!("the run offers no model `{}`", asked.model))),
        };
        models.insert(asked.model.clone(), Box::new(Eyes::new(vlm, setup.task.as_ref())?));
    }
    Ok(models)
}

/// Keeps the reward models of a run with it, so that it can be resumed and scored again anywhere.
pub(crate) fn keep_models(models: &ModelFiles, root: &Path) -> Result<(), LabError> {
    if models.is_empty() {
        return Ok(());
    }
    let folder = root.join(MODELS);
    create(&folder)?;
    for (name, path) in models {
        if !path.is_dir() {
            keep(path, &folder.join(format!("{name}.model")))?;
            continue;
        }
        keep_vlm(path, &folder.join(format!("{name}.vlm")))?;
    }
    Ok(())
}

/// Keeps the files of an image-text model in a folder of their own.
pub(crate) fn keep_vlm(folder: &Path, own: &Path) -> Result<(), LabError> {
    create(own)?;
    VLM_FILES
        .iter()
        .filter(|file| folder.join(file).exists())
        .try_for_each(|file| keep(&folder.join(file), &own.join(file)))
}

/// Copies a file; published models are large, so it is linked where that can be.
fn keep(from: &Path, to: &Path) -> Result<(), LabError> {
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop)).map_err(|error| {
        LabError::File {
            what: "cannot copy the reward model",
            why: error.to_string(),
            path: from.to_path_buf(),
        }
    })
}

fn create(folder: &Path) -> Result<(), LabError> {
    std::fs::create_dir_all(folder).map_err(|error| LabError::File {
        what: "cannot create the folder",
        why: error.to_string(),
        path: folder.to_path_buf(),
    })
}

/// The reward models that lie in a run folder.
pub(crate) fn find_models(root: &Path) -> Result<ModelFiles, LabError> {
    let Ok(entries) = std::fs::read_dir(root.join(MODELS)) else { return Ok(ModelFiles::new()) };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_string(), path)));
    Ok(named.collect())
}
