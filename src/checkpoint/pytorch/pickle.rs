//! Python's pickles, as far as a state dict needs them.
//!
//! A pickle is a program for a small machine with a stack. This one knows the instructions that PyTorch writes, and only
//! the globals of [`Global`]; it calls nothing, imports nothing and never recurses. What it builds lies in a list, so that
//! cycles and depth do no harm, and is bounded in number and size.
//!
//! The instructions: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>

use std::collections::BTreeMap;

use super::objects::{Global, Id, Object, Objects};
use crate::SamError;
use crate::error::{CheckpointFault, shown};

/// The largest pickle, in bytes. ViT-H's is a hundred kilobytes.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// The most objects, places on the stack and remembered objects, each.
const MAX_OBJECTS: usize = 1 << 18;
/// The last protocol there is.
const LAST_PROTOCOL: u8 = 5;

/// What a pickle holds.
pub(super) struct Pickle {
    pub(super) objects: Objects,
    pub(super) root: Id,
    /// Its length in bytes.
    pub(super) len: usize,
}

/// Reads the pickle that `bytes` begin with.
pub(super) fn load(bytes: &[u8]) -> Result<Pickle, SamError> {
    let mut machine =
        Machine { bytes, at: 0, objects: Objects::default(), stack: vec![], marks: vec![], memo: BTreeMap::new() };
    match machine.run() {
        Ok(root) => Ok(Pickle { objects: machine.objects, root, len: machine.at }),
        Err(Fault(reason)) => Err(CheckpointFault::file(reason)),
    }
}

/// Why a pickle is refused.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Objects,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, Fault> {
        loop {
            if self.objects.spent().max(self.stack.len()).max(self.marks.len()).max(self.memo.len()) > MAX_OBJECTS {
                return Err(Fault(format!("its pickle has more than {MAX_OBJECTS} objects")));
            }
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            // The protocol; a frame's length, which only helps those who read ahead.
            0x80 => match self.byte()? {
                protocol if protocol > LAST_PROTOCOL => Err(self.damaged(&format!("protocol {protocol}"))),
                _ => Ok(()),
            },
            0x95 => self.take(8).map(drop),

            // Values.
            b'N' | 0x8f => self.push(Object::Other),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'G' => {
                self.take(8)?;
                self.push(Object::Other)
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Object::Int(value.into()))
            }
            b'K' => {
                let value = self.byte()?;
                self.push(Object::Int(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Object::Int(value.into()))
            }
            0x8a | 0x8b => {
                let len = self.length(if opcode == 0x8a { 1 } else { 4 })?;
                let object = integer(self.take(len)?);
                self.push(object)
            }
            // Texts; Python 2 wrote them as strings of bytes.
            b'X' | 0x8c | 0x8d | b'U' | b'T' => {
                let len = self.length(match opcode {
                    0x8c | b'U' => 1,
                    0x8d => 8,
                    _ => 4,
                })?;
                let text = String::from_utf8_lossy(self.take(len)?).into_owned();
                self.push(Object::Text(text))
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let len = self.length(match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                self.take(len)?;
                self.push(Object::Other)
            }

            // Tuples, lists, dicts, sets.
            b')' => self.push(Object::Tuple(vec![])),
            b']' => self.push(Object::List(vec![])),
            b'}' => self.push(Object::Dict(vec![])),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Object::Tuple(items))
            }
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let items = self.pop_many(count)?;
                self.push(Object::Tuple(items))
            }
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Object::List(items))
            }
            b'd' => {
                let items = self.pop_mark()?;
                let dict = self.objects.add(Object::Dict(vec![]));
                self.objects.set_items(dict, &items).map_err(|reason| self.damaged(reason))?;
                self.stack.push(dict);
                Ok(())
            }
            0x91 => {
                self.pop_mark()?;
                self.push(Object::Other)
            }
            b'a' | b'e' | 0x90 => {
                let items = if opcode == b'a' { self.pop_many(1)? } else { self.pop_mark()? };
                let list = self.top()?;
                self.objects.append(list, &items).map_err(|reason| self.damaged(reason))
            }
            b's' | b'u' => {
                let items = if opcode == b's' { self.pop_many(2)? } else { self.pop_mark()? };
                let dict = self.top()?;
                self.objects.set_items(dict, &items).map_err(|reason| self.damaged(reason))
            }

            // The stack and what is remembered.
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'q' | b'r' => {
                let name = self.length(if opcode == b'q' { 1 } else { 4 })?;
                self.remember(name as u64)
            }
            0x94 => self.remember(self.memo.len() as u64),
            b'h' | b'j' => {
                let name = self.length(if opcode == b'h' { 1 } else { 4 })?;
                let found = self.memo.get(&(name as u64)).copied();
                let id = found.ok_or_else(|| self.damaged("it asks for what it has not remembered"))?;
                self.stack.push(id);
                Ok(())
            }

            // Globals and what is made with them.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_global(&module, &name)
            }
            // Makes an instance on its own; PyTorch never writes it.
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                Err(Fault(refused(&module, &name)))
            }
            0x93 => {
                let [module, name] = self.pop_pair()?;
                let (module, name) = match (self.objects.text(module), self.objects.text(name)) {
                    (Some(module), Some(name)) => (module.to_owned(), name.to_owned()),
                    _ => return Err(self.damaged("the name of a global is not text")),
                };
                self.push_global(&module, &name)
            }
            // Calls, and new objects of a class.
            b'R' | 0x81 => {
                let [function, arguments] = self.pop_pair()?;
                let made = self.objects.call(function, arguments)?;
                self.stack.push(made);
                Ok(())
            }
            // An object's attributes: no tensor needs them.
            b'b' => {
                self.pop()?;
                let object = self.top()?;
                match self.objects.get(object) {
                    Object::Dict(_) | Object::Tensor(_) | Object::Other => Ok(()),
                    _ => Err(self.damaged("it gives attributes to what has none")),
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.objects.storage(id)?;
                self.push(Object::Storage(storage))
            }
            other => Err(self.damaged(&format!("instruction {:?} is not one of a state dict", char::from(other)))),
        }
    }

    fn push(&mut self, object: Object) -> Result<(), Fault> {
        let id = self.objects.add(object);
        self.stack.push(id);
        Ok(())
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        let global = Global::find(module, name).ok_or_else(|| Fault(refused(module, name)))?;
        self.push(Object::Global(global))
    }

    fn remember(&mut self, name: u64) -> Result<(), Fault> {
        let id = self.top()?;
        self.memo.insert(name, id);
        Ok(())
    }

    /// Where the stack begins for those who pop: what lies below a mark is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or_default()
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Fault> {
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= self.floor());
        let start = start.ok_or_else(|| self.damaged("its stack is empty"))?;
        Ok(self.stack.split_off(start))
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_pair(&mut self) -> Result<[Id; 2], Fault> {
        let (second, first) = (self.pop()?, self.pop()?);
        Ok([first, second])
    }

    fn top(&self) -> Result<Id, Fault> {
        let reachable = self.stack.get(self.floor()..).unwrap_or_default();
        reachable.last().copied().ok_or_else(|| self.damaged("its stack is empty"))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let start = self.marks.pop().ok_or_else(|| self.damaged("it has no mark"))?;
        Ok(self.stack.split_off(start.min(self.stack.len())))
    }

    fn take(&mut self, len: usize) -> Result<&[u8], Fault> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(self.damaged("it ends in the middle")) };
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A length of so many bytes.
    fn length(&mut self, bytes: usize) -> Result<usize, Fault> {
        let mut length = [0; 8];
        for (digit, byte) in length.iter_mut().zip(self.take(bytes)?) {
            *digit = *byte;
        }
        // What does not fit is longer than any file: `take` refuses it.
        Ok(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<String, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(len) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(self.damaged("it ends in the middle"));
        };
        let line = String::from_utf8_lossy(self.take(len)?).into_owned();
        self.at += 1;
        Ok(line)
    }

    fn damaged(&self, reason: &str) -> Fault {
        Fault(format!("its pickle cannot be read, or is cut short ({reason}, at byte {})", self.at))
    }
}

/// Why a global is not read.
fn refused(module: &str, name: &str) -> String {
    format!(
        "its pickle asks for the Python object {}, which is not read, let alone run: a state dict needs no such thing. Save \
         `model.state_dict()` alone, not the whole model",
        shown(&format!("{module}.{name}"))
    )
}

/// A number of any length in two's complement, little endian; what is wider than 128 bits counts for nothing.
fn integer(bytes: &[u8]) -> Object {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut value = [if negative { 0xff } else { 0 }; 16];
    match value.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return Object::Other,
    }
    Object::Int(i128::from_le_bytes(value))
}
