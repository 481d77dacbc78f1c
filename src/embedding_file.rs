//! The file of a saved image embedding: magic and version, length of the header, JSON header, little-endian f32 values,
//! SHA-256 of everything before it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::SamError;
use crate::checkpoint::LoadedModel;
use crate::geometry::Geometry;

const MAGIC: &[u8; 7] = b"BURNSAM";
/// In version 1 the hash covered the values only.
const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    model: String,
    model_hash: String,
    shape: [usize; 4],
    image_width: usize,
    image_height: usize,
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
    let header = Header {
        model: model.name.clone(),
        model_hash: hex(&model.hash),
        shape,
        image_width: geometry.image_width,
        image_height: geometry.image_height,
    };
    let header = serde_json::to_vec(&header).map_err(|error| SamError::Internal { reason: error.to_string() })?;
    let mut file = MAGIC.to_vec();
    file.push(VERSION);
    file.extend((header.len() as u32).to_le_bytes());
    file.extend(header);
    file.extend(data.iter().flat_map(|v| v.to_le_bytes()));
    let hash = Sha256::digest(&file);
    file.extend(hash);
    Ok(file)
}

pub(crate) fn parse(file: &[u8], model: &LoadedModel) -> Result<Contents, SamError> {
    let not_ours = || SamError::embedding("it was not written by image.save()");
    let damaged = || SamError::embedding("it is damaged or cut short");
    let (version, _) = file.strip_prefix(MAGIC).and_then(<[u8]>::split_first).ok_or_else(not_ours)?;
    if *version != VERSION {
        return Err(SamError::embedding(format!(
            "it is of version {version}; this release reads {VERSION}: encode the image again"
        )));
    }
    let (hashed, hash) = file.split_last_chunk::<32>().ok_or_else(damaged)?;
    if *hash != *Sha256::digest(hashed) {
        return Err(damaged());
    }
    // The hash keeps accidents away, not forgers: whatever follows is checked all the same.
    let rest = hashed.get(MAGIC.len() + 1..).ok_or_else(damaged)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (header, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
    let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
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
    let geometry =
        Geometry::new(header.image_width, header.image_height, model.config.image_size()).map_err(|_| damaged())?;
    let data: Vec<f32> = values.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if data.iter().any(|v| !v.is_finite()) {
        return Err(damaged());
    }
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
