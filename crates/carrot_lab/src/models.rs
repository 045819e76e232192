//! The models that reward: files of fitted networks, and folders of image-text models.

use std::fs;
use std::path::{Path, PathBuf};

use carrot_learn::novelty::Novelty;
use carrot_learn::preference::{Published, RewardNet};
use carrot_learn::vlm::VLM_FILES;
use carrot_learn::{Device, SuccessNet};
use carrot_reward::kinds::SHIPPED;
use carrot_reward::{Graph, RewardError, RewardModel, RewardModels};

use crate::error::LabError;
use crate::setup::{ModelFiles, Setup};
use crate::versions::{failed, read_parts, read_versions};
use crate::vlm::scorer::Eyes;
use crate::vlm::shipped::{open_vlm, write_shipped};

/// Name of the folder that holds a run's reward models.
const MODELS: &str = "models";

/// The fitted models of a setup that lie in files.
pub(crate) fn load_files(setup: &Setup) -> Result<RewardModels, LabError> {
    let mut models = RewardModels::new();
    for (name, path) in setup.models.iter().filter(|(_, path)| !path.is_dir()) {
        let parts = read_parts(path)?;
        let model: Box<dyn RewardModel> = match RewardNet::is_in(&parts) {
            true => Box::new(Published::only(RewardNet::load(&parts)?)),
            false => Box::new(SuccessNet::load(&parts)?),
        };
        let spec = setup.task.spec();
        let known = spec.catalog().column_names();
        if let Some(missing) = model.inputs().iter().find(|input| !known.contains(input)) {
            let message =
                format!("the model `{name}` reads the signal `{missing}`, which {} does not have", spec.name);
            return Err(LabError::Refused(message));
        }
        models.insert(name.clone(), model);
    }
    Ok(models)
}

/// Reads the models of a setup that signals are enough for: those in files, and what is learned beside it with all that
/// its run has published.
///
/// # Errors
/// When a file cannot be read or is no model.
pub fn load_models(setup: &Setup) -> Result<RewardModels, LabError> {
    let mut models = load_files(setup)?;
    let mut learned: Vec<(&str, Box<dyn RewardModel>)> = Vec::new();
    if let Some(config) = &setup.preferences {
        learned.push((&config.model, Box::new(Published::nothing(config.inputs.clone()))));
    }
    if let Some(spec) = &setup.imitation {
        learned.push((&spec.model, spec.nothing()));
    }
    if let Some(spec) = &setup.decomposition {
        learned.push((&spec.model, Box::new(spec.nothing())));
    }
    for own in &setup.novelty {
        learned.push((&own.model, Box::new(Novelty::new(own.config.clone()))));
    }
    for (name, mut model) in learned {
        let versions = setup.run.as_ref().map_or_else(|| Ok(Vec::new()), |run| read_versions(run, name))?;
        for parts in versions {
            let refused = |why| RewardError::Model { name: name.into(), why };
            model.publish(&parts, true).map_err(refused)?;
        }
        models.insert(name.into(), model);
    }
    Ok(models)
}

/// Opens every model that the rewards of a setup need, eyes included.
///
/// # Errors
/// When a file cannot be read or is no model, or pictures are needed and there is no device that draws.
pub fn open_models(setup: &Setup, device: Device) -> Result<RewardModels, LabError> {
    let mut models = load_models(setup)?;
    add_eyes(setup, device, &mut models)?;
    Ok(models)
}

/// Opens the image-text models that the rewards of a setup ask.
pub(crate) fn add_eyes(setup: &Setup, device: Device, models: &mut RewardModels) -> Result<(), LabError> {
    for (asked, _) in setup.graphs.iter().flat_map(Graph::asked) {
        if models.contains_key(&asked.model) {
            continue;
        }
        let vlm = match setup.models.get(&asked.model) {
            None if asked.model != SHIPPED => continue,
            folder => open_vlm(folder.map(PathBuf::as_path), device)?,
        };
        models.insert(asked.model.clone(), Box::new(Eyes::new(vlm, setup.task.as_ref())?));
    }
    Ok(())
}

/// Keeps the reward models of a run with it, so that it can be resumed and scored again anywhere.
pub(crate) fn keep_models(setup: &Setup, root: &Path) -> Result<(), LabError> {
    let ships = setup.ships();
    if setup.models.is_empty() && !ships {
        return Ok(());
    }
    let folder = root.join(MODELS);
    fs::create_dir_all(&folder).map_err(failed("cannot create the folder", &folder))?;
    if ships {
        write_shipped(&folder.join(format!("{SHIPPED}.vlm")))?;
    }
    for (name, path) in &setup.models {
        if path.is_dir() {
            keep_vlm(path, &folder.join(format!("{name}.vlm")))?;
        } else {
            let copied = fs::copy(path, folder.join(format!("{name}.model")));
            copied.map_err(failed("cannot copy the reward model", path))?;
        }
    }
    Ok(())
}

/// Keeps the files of an image-text model in a folder of their own. Published ones are large, so they are linked where
/// that can be.
pub(crate) fn keep_vlm(folder: &Path, own: &Path) -> Result<(), LabError> {
    fs::create_dir_all(own).map_err(failed("cannot create the folder", own))?;
    for file in VLM_FILES.iter().filter(|file| folder.join(file).exists()) {
        let (from, to) = (folder.join(file), own.join(file));
        let kept = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
        kept.map_err(failed("cannot copy the reward model", &from))?;
    }
    Ok(())
}

/// The reward models that lie in a run folder.
pub(crate) fn find_models(root: &Path) -> Result<ModelFiles, LabError> {
    let Ok(entries) = fs::read_dir(root.join(MODELS)) else { return Ok(ModelFiles::new()) };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_string(), path)));
    Ok(named.collect())
}
