//! What a pickle builds, and the few things it may ask to be made: dicts, storages, tensors.

use super::pickle::Fault;
use super::view::{DType, Storage, View};
use crate::checkpoint::tensor::Element;
use crate::error::shown;

/// The longest name of a storage, in bytes: PyTorch numbers them.
const MAX_KEY: usize = 64;

/// No function takes more.
const MAX_ARGUMENTS: usize = 16;

/// Where an object lies in [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

impl Id {
    /// Less than [`Objects::count`].
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A Python object.
#[derive(Debug)]
pub(super) enum Object {
    /// One whose value no tensor depends on: `None`, a float, bytes, a set, a device.
    Other,
    Bool(bool),
    Int(i128),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// In order; of two equal keys the later one counts.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage>),
    Tensor(Box<View>),
}

/// The globals a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    OrderedDict,
    /// A class whose objects' values no tensor depends on.
    Opaque,
    Size,
    TensorClass,
    Storage(DType),
    DType(DType),
    RebuildTensor,
    /// The same with the type named apart from the storage.
    RebuildTypedTensor,
    RebuildParameter,
    RebuildFromType,
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "Counter") | ("builtins" | "__builtin__", "set") | ("torch", "device") => Self::Opaque,
            ("torch", "Size") => Self::Size,
            ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Self::TensorClass,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTypedTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch" | "torch.storage", class) if class.ends_with("Storage") => {
                Self::Storage(DType::of_storage(class)?)
            }
            ("torch", dtype) => Self::DType(DType::named(dtype)?),
            _ => return None,
        })
    }
}

/// Every object of a pickle.
#[derive(Default)]
pub(super) struct Objects {
    all: Vec<Object>,
    /// Places in dicts that were made of lists.
    copied: usize,
}

impl Objects {
    pub(super) fn add(&mut self, object: Object) -> Id {
        self.all.push(object);
        // The machine stops long before there are too many.
        Id(self.all.len() as u32 - 1)
    }

    /// How much there is, for the machine to stop.
    pub(super) fn spent(&self) -> usize {
        self.all.len() + self.copied
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, id: Id) -> &Object {
        self.all.get(id.index()).unwrap_or(&Object::Other)
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if let Object::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub(super) fn int(&self, id: Id) -> Option<i128> {
        if let Object::Int(value) = self.get(id) { Some(*value) } else { None }
    }

    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        if let Object::Tuple(items) = self.get(id) { Some(items) } else { None }
    }

    pub(super) fn list(&self, id: Id) -> Option<&[Id]> {
        if let Object::List(items) = self.get(id) { Some(items) } else { None }
    }

    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.all
            .iter()
            .filter_map(|object| if let Object::Storage(storage) = object { Some(storage.as_ref()) } else { None })
    }

    pub(super) fn dicts(&self) -> impl Iterator<Item = (Id, &[(Id, Id)])> {
        let all = self.all.iter().enumerate();
        all.filter_map(|(id, object)| {
            if let Object::Dict(entries) = object { Some((Id(id as u32), entries.as_slice())) } else { None }
        })
    }

    pub(super) fn append(&mut self, list: Id, items: &[Id]) -> Result<(), &'static str> {
        match self.all.get_mut(list.index()) {
            Some(Object::List(list)) => list.extend_from_slice(items),
            // Of a set, say.
            Some(Object::Other) => {}
            _ => return Err("it appends to what is no list"),
        }
        Ok(())
    }

    /// Key, value, key, value, …
    pub(super) fn set_items(&mut self, dict: Id, items: &[Id]) -> Result<(), &'static str> {
        let (pairs, rest) = items.as_chunks::<2>();
        match self.all.get_mut(dict.index()) {
            Some(Object::Dict(entries)) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)))
            }
            Some(Object::Other) => {}
            _ => return Err("it sets items of what is no dict"),
        }
        Ok(())
    }

    /// What calling a global, or making an object of a class, gives.
    pub(super) fn call(&mut self, function: Id, arguments: Id) -> Result<Id, Fault> {
        let Object::Global(global) = *self.get(function) else {
            return Err(Fault("its pickle calls what is no function".into()));
        };
        let arguments = self.tuple(arguments).filter(|arguments| arguments.len() <= MAX_ARGUMENTS);
        let arguments = arguments.map(<[Id]>::to_vec).ok_or_else(|| odd(global))?;
        self.call_global(global, &arguments)
    }

    fn call_global(&mut self, global: Global, arguments: &[Id]) -> Result<Id, Fault> {
        let object = match (global, arguments) {
            (Global::Opaque, _) => Object::Other,
            (Global::OrderedDict, []) => Object::Dict(vec![]),
            (Global::OrderedDict, [pairs]) => Object::Dict(self.pairs(*pairs)?),
            (Global::Size, [sides]) => return Ok(*sides),
            (Global::RebuildTensor, [storage, offset, shape, strides, rest @ ..]) => {
                // Without gradients and hooks: what comes behind them says that the values are to be negated.
                let changed = rest.get(2).is_some_and(|marks| self.is_filled(*marks));
                Object::Tensor(Box::new(self.tensor([*storage, *offset, *shape, *strides], None, changed)?))
            }
            (Global::RebuildTypedTensor, [storage, offset, shape, strides, _, _, dtype, rest @ ..]) => {
                let Object::Global(Global::DType(dtype)) = *self.get(*dtype) else { return Err(odd(global)) };
                let changed = rest.first().is_some_and(|marks| self.is_filled(*marks));
                Object::Tensor(Box::new(self.tensor([*storage, *offset, *shape, *strides], Some(dtype), changed)?))
            }
            (Global::RebuildParameter, [tensor, ..]) if matches!(self.get(*tensor), Object::Tensor(_)) => {
                return Ok(*tensor);
            }
            // function, class, arguments, attributes
            (Global::RebuildFromType, [function, _, arguments, _]) => return self.rebuild(*function, *arguments),
            _ => return Err(odd(global)),
        };
        Ok(self.add(object))
    }

    /// Calls what rebuilds a tensor or a parameter, and nothing else: this goes one deep only.
    fn rebuild(&mut self, function: Id, arguments: Id) -> Result<Id, Fault> {
        match *self.get(function) {
            Object::Global(Global::RebuildTensor | Global::RebuildTypedTensor | Global::RebuildParameter) => {
                self.call(function, arguments)
            }
            _ => Err(odd(Global::RebuildFromType)),
        }
    }

    fn pairs(&mut self, list: Id) -> Result<Vec<(Id, Id)>, Fault> {
        let pair = |id: &Id| match self.tuple(*id).or_else(|| self.list(*id)) {
            Some([key, value]) => Some((*key, *value)),
            _ => None,
        };
        let pairs: Option<Vec<_>> = self.list(list).and_then(|items| items.iter().map(pair).collect());
        let pairs = pairs.ok_or_else(|| odd(Global::OrderedDict))?;
        self.copied += pairs.len();
        Ok(pairs)
    }

    fn is_filled(&self, id: Id) -> bool {
        matches!(self.get(id), Object::Dict(entries) if !entries.is_empty())
    }

    /// `("storage", class, key, device, length)`; before version 1.6 also what it is a view of.
    pub(super) fn storage(&self, id: Id) -> Result<Box<Storage>, Fault> {
        let fault = |reason: String| Fault(format!("its pickle names a storage wrongly ({reason})"));
        let Some([kind, class, key, _, len, rest @ ..]) = self.tuple(id) else {
            return Err(fault("too short".into()));
        };
        if self.text(*kind) != Some("storage") {
            return Err(fault(shown(self.text(*kind).unwrap_or("no text"))));
        }
        let Object::Global(Global::Storage(dtype)) = *self.get(*class) else { return Err(fault("no type".into())) };
        let key = self.text(*key).filter(|key| key.len() <= MAX_KEY).ok_or_else(|| fault("no key".into()))?;
        let len = self.int(*len).and_then(|len| u64::try_from(len).ok()).ok_or_else(|| fault("no length".into()))?;
        let is_view = rest.first().is_some_and(|view| !matches!(self.get(*view), Object::Other));
        if is_view || rest.len() > 1 {
            return Err(fault("a view of another one; save the file again with a newer PyTorch".into()));
        }
        let storage = Storage { key: key.into(), dtype, len };
        storage.bytes().ok_or_else(|| fault(format!("{len} values")))?;
        Ok(Box::new(storage))
    }

    fn tensor(&self, parts: [Id; 4], dtype: Option<DType>, changed: bool) -> Result<View, Fault> {
        let [storage, offset, shape, strides] = parts;
        let bad = |what: &str| Fault(format!("its pickle describes a tensor wrongly ({what})"));
        let Object::Storage(storage) = self.get(storage) else { return Err(bad("no storage")) };
        let mut storage = storage.as_ref().clone();
        if let Some(dtype) = dtype {
            storage.len = storage.bytes().unwrap_or_default() / dtype.size as u64;
            storage.dtype = dtype;
        }
        let offset = self.int(offset).and_then(|offset| u64::try_from(offset).ok()).ok_or_else(|| bad("offset"))?;
        let shape = self.numbers(shape).ok_or_else(|| bad("shape"))?;
        let strides = self.numbers(strides).ok_or_else(|| bad("strides"))?;
        let mut view = View::new(storage, offset, shape, strides).map_err(|reason| bad(&reason))?;
        if changed {
            view.element = Element::Other("conjugated or negated".into());
        }
        Ok(view)
    }

    /// A tuple of numbers none of which is negative.
    fn numbers<T: TryFrom<i128>>(&self, tuple: Id) -> Option<Vec<T>> {
        const MOST: usize = 64;
        let items = self.tuple(tuple).filter(|items| items.len() <= MOST)?;
        items.iter().map(|id| T::try_from(self.int(*id)?).ok()).collect()
    }
}

fn odd(global: Global) -> Fault {
    Fault(format!("its pickle calls {global:?} with other arguments than PyTorch does"))
}
