//! The image-text model that comes with Carrot, inside of the program.

use std::path::Path;

use carrot_learn::Device;
use carrot_learn::vlm::{VLM_FILES, Vlm, VlmFiles};

use crate::error::LabError;
use crate::versions::failed;

const CONFIG: &[u8] = include_bytes!("../../../../assets/vlm/config.json");
const PREPARATION: &[u8] = include_bytes!("../../../../assets/vlm/preprocessor_config.json");
const TOKENIZER: &[u8] = include_bytes!("../../../../assets/vlm/tokenizer.json");
const WEIGHTS: &[u8] = include_bytes!("../../../../assets/vlm/model.safetensors");

/// Opens the model in a folder, or the one that ships.
///
/// # Errors
/// When the device is not there, or a file of the folder is broken.
pub fn open_vlm(folder: Option<&Path>, device: Device) -> Result<Vlm, LabError> {
    if let Some(folder) = folder {
        return Ok(Vlm::open(folder, device)?);
    }
    let files =
        VlmFiles { config: CONFIG, preparation: Some(PREPARATION), tokenizer: TOKENIZER, weights: WEIGHTS };
    Ok(Vlm::parse(Path::new("assets/vlm"), &files, device)?)
}

/// Writes its files into a folder, as [`Vlm::open`] reads them.
pub(crate) fn write_shipped(folder: &Path) -> Result<(), LabError> {
    std::fs::create_dir_all(folder).map_err(failed("cannot create the folder", folder))?;
    for (name, bytes) in VLM_FILES.iter().zip([CONFIG, PREPARATION, TOKENIZER, WEIGHTS]) {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(failed("cannot write the reward model", &path))?;
    }
    Ok(())
}
