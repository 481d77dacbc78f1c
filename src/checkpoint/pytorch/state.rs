//! The state dict in what a pickle holds, which may be wrapped in other dicts.

use std::collections::BTreeMap;

use super::objects::{Id, Object, Objects};
use super::pickle::Pickle;
use super::view::View;
use crate::SamError;
use crate::checkpoint::tensor::{MAX_NAME, check_count, check_name};
use crate::error::{CheckpointFault, shown};

/// How training scripts call the entry that is the model's, those first that are meant to be used.
const WRAPPERS: &[&str] = &["state_dict", "model_state_dict", "model", "net", "network", "module", "sam"];
/// Wrappings may lie in wrappings, so deep.
const MAX_DEPTH: usize = 4;

/// The tensors of the state dict, by name.
pub(super) fn tensors(pickle: &Pickle) -> Result<BTreeMap<String, View>, SamError> {
    let objects = &pickle.objects;
    let holders = holders(objects);
    let mut dict = pickle.root;
    for _ in 0..MAX_DEPTH {
        let Some(inner) = unwrapped(objects, &holders, dict)? else { break };
        dict = inner;
    }
    let Object::Dict(entries) = objects.get(dict) else {
        return Err(CheckpointFault::file("it holds no state dict: save `model.state_dict()`"));
    };
    let mut tensors = BTreeMap::new();
    // Of two equal names the later one counts.
    for (name, view) in entries.iter().rev().filter_map(|entry| named(objects, entry)) {
        check_name(name)?;
        if !tensors.contains_key(name) {
            tensors.insert(name.to_owned(), view.clone());
            check_count(tensors.len())?;
        }
    }
    Ok(tensors)
}

/// The tensor of a dict's entry. Optimizers number theirs: those are not meant.
fn named<'a>(objects: &'a Objects, (key, value): &(Id, Id)) -> Option<(&'a str, &'a View)> {
    match (objects.text(*key), objects.get(*value)) {
        (Some(name), Object::Tensor(view)) => Some((name, view)),
        _ => None,
    }
}

/// For every object whether it is a dict with a tensor in it, or in a dict in it. All at once: a dict that lies in many
/// others is gone through once.
fn holders(objects: &Objects) -> Vec<bool> {
    let mut holders = vec![false; objects.count()];
    for (id, entries) in objects.dicts() {
        holders[id.index()] = entries.iter().any(|entry| named(objects, entry).is_some());
    }
    for _ in 1..MAX_DEPTH {
        let below = holders.clone();
        for (id, entries) in objects.dicts() {
            let held = |(key, value): &(Id, Id)| objects.text(*key).is_some() && below[value.index()];
            holders[id.index()] |= entries.iter().any(held);
        }
    }
    holders
}

/// The dict inside this one that is the model's state; `None` where this one is.
fn unwrapped(objects: &Objects, holders: &[bool], dict: Id) -> Result<Option<Id>, SamError> {
    /// So many names are told.
    const TOLD: usize = 8;
    let Object::Dict(entries) = objects.get(dict) else { return Ok(None) };
    let inner = || {
        let held = entries.iter().rev().filter(|(_, value)| holders[value.index()]);
        let named = held.filter_map(|(key, value)| Some((objects.text(*key)?, *value)));
        named.filter(|(key, _)| key.len() <= MAX_NAME)
    };
    if let Some((_, found)) = WRAPPERS.iter().find_map(|name| inner().find(|(key, _)| key == name)) {
        return Ok(Some(found));
    }
    if entries.iter().any(|entry| named(objects, entry).is_some()) {
        return Ok(None);
    }
    let mut several: Vec<(&str, Id)> = Vec::new();
    for (key, value) in inner() {
        if several.len() < TOLD && several.iter().all(|(known, _)| *known != key) {
            several.push((key, value));
        }
    }
    if several.len() > 1 {
        let names: Vec<_> = several.iter().rev().map(|(key, _)| shown(key)).collect();
        return Err(CheckpointFault::file(format!(
            "it holds several state dicts ({}): save the one that is the model's",
            names.join(", ")
        )));
    }
    Ok(several.first().map(|(_, only)| *only))
}
