//! The file of a saved image embedding: magic, length of the header, JSON header, little-endian f32 values.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::SamError;
use crate::checkpoint::LoadedModel;
use crate::geometry::Geometry;

const MAGIC: &[u8; 8] = b"BURNSAM\x01";
const VERSION: u32 = 1;
/// The header is a few hundred bytes; a longer one is not ours.
const MAX_HEADER: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    model: String,
    model_hash: String,
    shape: [usize; 4],
    image_width: usize,
    image_height: usize,
    data_hash: String,
}

pub(crate) struct Contents {
    pub(crate) data: Vec<f32>,
    /// `[1, D, S/16, S/16]`
    pub(crate) shape: [usize; 4],
    pub(crate) geometry: Geometry,
}

pub(crate) fn write(
    data: &[f32],
    shape: [usize; 4],
    geometry: &Geometry,
    model: &LoadedModel,
) -> Result<Vec<u8>, SamError> {
    let values: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    let header = Header {
        version: VERSION,
        model: model.name.clone(),
        model_hash: hex(&model.hash),
        shape,
        image_width: geometry.image_width,
        image_height: geometry.image_height,
        data_hash: hex(&Sha256::digest(&values)),
    };
    let header = serde_json::to_vec(&header).map_err(|error| SamError::Internal { reason: error.to_string() })?;
    let mut file = MAGIC.to_vec();
    file.extend((header.len() as u32).to_le_bytes());
    file.extend(header);
    file.extend(values);
    Ok(file)
}

pub(crate) fn parse(file: &[u8], model: &LoadedModel) -> Result<Contents, SamError> {
    let not_ours = || SamError::embedding("it was not written by image.save()");
    let damaged = || SamError::embedding("it is damaged or cut short");
    let rest = file.strip_prefix(MAGIC).ok_or_else(not_ours)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_HEADER {
        return Err(damaged());
    }
    let (header, values) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
    if header.version != VERSION {
        return Err(SamError::embedding(format!("it is of version {}; this release reads {VERSION}", header.version)));
    }
    if header.model_hash != hex(&model.hash) {
        return Err(SamError::embedding(format!(
            "it was made by another model ({}); encode the image again with this one ({})",
            header.model, model.name
        )));
    }
    let side = model.config.embedding_size();
    let shape = [1, model.config.decoder.dim, side, side];
    if header.shape != shape || values.len() != shape.iter().product::<usize>() * size_of::<f32>() {
        return Err(damaged());
    }
    if header.data_hash != hex(&Sha256::digest(values)) {
        return Err(damaged());
    }
    let geometry =
        Geometry::new(header.image_width, header.image_height, model.config.image_size()).map_err(|_| damaged())?;
    let data = values.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    Ok(Contents { data, shape, geometry })
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A SHA-256 from its 64 hexadecimal digits.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (i, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_there_and_back() {
        let hash: [u8; 32] = std::array::from_fn(|i| (i * 37 % 256) as u8);
        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        assert_eq!(from_hex("xy"), None);
    }
}
