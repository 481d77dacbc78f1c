//! Forged files: each is refused, and quickly.

use super::forge::{
    archive, call, dict, global, int, ints, legacy, member, members, storage, tensor, text, tuple, zip,
};
use super::{open, read_all, refusal};
use crate::checkpoint::pytorch::pickle;
use crate::checkpoint::tensor::Container;

/// A million, and more than the machine allows.
const MANY: usize = 1_000_000;

fn one_tensor() -> Vec<u8> {
    dict(&[("x", tensor(storage("FloatStorage", "0", 2), 0, &[2], &[1]))])
}

/// Why an archive of this pickle is refused.
fn refused(pickle: &[u8]) -> String {
    let inside_legacy = refusal(&legacy(pickle, b"\x80\x02].", b""));
    assert!(!inside_legacy.is_empty());
    refusal(&archive(pickle, &[&[0; 8]]))
}

#[test]
fn what_the_forger_writes_is_read_when_nothing_is_wrong() {
    let bytes = archive(&one_tensor(), &[&[1, 2, 3, 4, 5, 6, 7, 8]]);
    assert_eq!(open(&bytes).unwrap().read("x").unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let old = tuple(&[text("storage"), global("torch", "FloatStorage"), text("k"), text("cpu"), int(2), b"N".to_vec()]);
    let state = dict(&[("x", tensor([old, b"Q".to_vec()].concat(), 1, &[1], &[1]))]);
    let keys = [&b"\x80\x02]("[..], &text("k"), b"e."].concat();
    let bytes = legacy(&state, &keys, &[2, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(open(&bytes).unwrap().read("x").unwrap(), [5, 6, 7, 8]);
}

#[test]
fn globals_that_run_something_are_named_and_not_run() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("torch.hub", "load"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_wrapper_subclass"),
        ("collections", "defaultdict"),
        ("torch", "QInt8Storage"),
    ] {
        let command = text("touch /tmp/it-ran");
        let attacks = [
            call(global(module, name), std::slice::from_ref(&command)),
            [text(module), text(name), b"\x93".to_vec(), tuple(std::slice::from_ref(&command)), b"R".to_vec()].concat(),
            [b"(".to_vec(), command, format!("i{module}\n{name}\n").into_bytes()].concat(),
        ];
        for attack in attacks {
            let refusal = refused(&dict(&[("x", attack)]));
            assert!(refusal.contains(&format!("{module}.{name}")), "{refusal}");
        }
    }
    assert!(!std::path::Path::new("/tmp/it-ran").exists());
}

#[test]
fn a_name_from_the_file_cannot_garble_the_sentence() {
    let refusal = refused(&dict(&[("x", global("a\u{1b}[2J\r", &"é".repeat(100_000)))]));
    assert!(refusal.len() < 800 && !refusal.contains(['\u{1b}', '\r']), "{refusal:?}");
}

#[test]
fn depth_and_number_are_bounded() {
    for pickle in [
        b"(".repeat(MANY),
        b"]".repeat(MANY),
        [&b"N"[..], &b"\x85".repeat(MANY), b"."].concat(),
        [&b"(".repeat(MANY)[..], &b"t".repeat(MANY), b"."].concat(),
        [&b"]".repeat(100_000)[..], &b"a".repeat(99_999), &b"]".repeat(MANY), b"."].concat(),
        [&b"N"[..], &b"q\0h\0".repeat(MANY), b"."].concat(),
        [&b"N"[..], &b"\x94".repeat(MANY), b"."].concat(),
        [&b"\x80\x02}"[..], &[&text("x")[..], b"}"].concat().repeat(200_000), &b"s".repeat(200_000), b"."].concat(),
    ] {
        refused(&pickle);
    }
}

#[test]
fn a_list_that_is_copied_again_and_again_does_not_fill_the_memory() {
    let pair = tuple(&[text("a"), b"N".to_vec()]);
    let list = [&b"]q\x01("[..], &pair, b"q\x02", &b"h\x02".repeat(100_000), b"e0"].concat();
    let ordered = [global("collections", "OrderedDict"), b"q\x030".to_vec()].concat();
    let calls = b"h\x03h\x01\x85R0".repeat(100_000);
    let refusal = refused(&[b"\x80\x02".to_vec(), list, ordered, calls, b"}.".to_vec()].concat());
    assert!(refusal.contains("objects"), "{refusal}");
}

/// What is remembered costs two bytes to ask for: no such byte may cost more than a little work.
#[test]
fn what_is_remembered_is_not_gone_through_again_and_again() {
    let many = |what: &[u8], around: [&[u8]; 2]| [around[0], &what.repeat(100_000), around[1]].concat();
    let wide = [many(b"K\0", [b"(", b"tq\x010"]), [global("collections", "OrderedDict"), b"q\x020".to_vec()].concat()]
        .concat();
    refused(&[b"\x80\x02".to_vec(), wide, b"h\x02h\x01R0".repeat(100_000), b"}.".to_vec()].concat());

    let large = [b"}q\x01".to_vec(), text("a"), b"q\x020".to_vec(), many(b"h\x02h\x02", [b"(", b"u0"])].concat();
    let root = many(&[text("b"), b"h\x01".to_vec()].concat(), [b"}(", b"u."]);
    assert!(read_all(&archive(&[b"\x80\x02".to_vec(), large, root].concat(), &[])).unwrap().tensors().is_empty());

    let name = [text(&"n".repeat(1 << 20)), b"q\x010".to_vec()].concat();
    let one = [tensor(storage("FloatStorage", "0", 2), 0, &[2], &[1]), b"q\x020".to_vec()].concat();
    let entries = many(b"h\x01h\x02", [b"}(", b"u."]);
    let refusal = refusal(&archive(&[b"\x80\x02".to_vec(), name, one, entries].concat(), &[&[0; 8]]));
    assert!(refusal.contains("too long") && refusal.len() < 400, "{refusal}");
}

#[test]
fn a_pickle_that_holds_itself_or_is_deep_is_read() {
    let dict = [&b"\x80\x02}q\0"[..], &text("model"), b"h\0s", &text("list"), b"]q\x01h\x01as."].concat();
    assert!(read_all(&archive(&dict, &[])).unwrap().tensors().is_empty());
    let deep =
        [&b"\x80\x02}"[..], &[&text("x")[..], b"}"].concat().repeat(100_000), &b"s".repeat(100_000), b"."].concat();
    assert!(read_all(&archive(&deep, &[])).unwrap().tensors().is_empty());
}

#[test]
fn lengths_that_lie_are_refused() {
    for pickle in [
        &b"\x80\x02X\xff\xff\xff\xff."[..],
        b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x02\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x02\x8b\xff\xff\xff\xff.",
        b"\x80\x02T\xff\xff\xff\xff.",
        b"\x80\x06}.",
        b"cos",
        b"",
    ] {
        refused(pickle);
    }
}

/// Every instruction with too little on the stack, and too much behind a mark.
#[test]
fn no_instruction_panics() {
    for opcode in 0..=u8::MAX {
        for before in [&b""[..], b"(", b"N", b"}", b"]", b")", b"}(N", b"NN", b"K\0K\0", b"ccollections\nOrderedDict\n"]
        {
            for after in [&b""[..], b".", b"\0\0\0\0\0\0\0\0.", b"\x01a\n\n."] {
                drop(pickle::load(&[before, &[opcode], after].concat()));
            }
        }
    }
}

#[test]
fn tensors_that_are_not_in_their_storage_are_refused() {
    let huge = i64::MAX;
    for (len, offset, shape, strides) in [
        (2, 0, &[3][..], &[1][..]),
        (2, 2, &[1], &[1]),
        (2, huge, &[1], &[1]),
        (2, -1, &[1], &[1]),
        (2, 0, &[-1], &[1]),
        (2, 0, &[2], &[-1]),
        (2, 0, &[2], &[huge]),
        (2, 0, &[huge, huge], &[0, 0]),
        (2, 0, &[1 << 40], &[0]),
        (2, 0, &[1 << 11, 1 << 11], &[0, 0]),
        (2, 0, &[2], &[]),
        (2, 0, &[1; 65], &[1; 65]),
        (-1, 0, &[1], &[1]),
        (huge, 0, &[1], &[1]),
        (1 << 40, 0, &[1], &[1]),
        // It says three values and the archive has two.
        (3, 0, &[1], &[1]),
    ] {
        refused(&dict(&[("x", tensor(storage("FloatStorage", "0", len), offset, shape, strides))]));
    }
    refused(&dict(&[("x", tensor(storage("FloatStorage", "7", 1), 0, &[1], &[1]))]));
    let overlapping = refused(&dict(&[("x", tensor(storage("HalfStorage", "0", 4), 0, &[2, 2], &[1, 1]))]));
    assert!(overlapping.contains("overlap"), "{overlapping}");
    refused(&dict(&[("x", tensor(storage("FloatStorage", &"9".repeat(1000), 1), 0, &[1], &[1]))]));
    let (class, rebuild) = (global("torch", "FloatStorage"), global("torch._utils", "_rebuild_tensor_v2"));
    for odd in [
        tensor(class.clone(), 0, &[1], &[1]),
        tensor(b"N".to_vec(), 0, &[1], &[1]),
        call(rebuild.clone(), &[]),
        call(rebuild.clone(), &[b"N".to_vec(), b"N".to_vec(), b"N".to_vec(), b"N".to_vec()]),
        call(rebuild.clone(), &[storage("FloatStorage", "0", 2), int(0), int(1), int(1)]),
        call(global("torch._utils", "_rebuild_parameter"), &[int(1)]),
        call(global("torch._tensor", "_rebuild_from_type_v2"), &[rebuild, class.clone(), ints(&[]), b"N".to_vec()]),
        call(class, &[int(1)]),
        [tuple(&[text("module"), int(0), int(0), int(0), int(0)]), b"Q".to_vec()].concat(),
        [int(3), b"Q".to_vec()].concat(),
    ] {
        refused(&dict(&[("x", odd)]));
    }
}

#[test]
fn an_archive_with_tricks_is_refused() {
    let honest = members(&one_tensor(), &[&[0; 8]]);
    let changed = |change: &dyn Fn(&mut Vec<super::forge::Member>)| {
        let mut members = honest.clone();
        change(&mut members);
        refusal(&zip(&members))
    };
    for (reason, change) in [
        ("odd name", &(|m: &mut Vec<_>| m.push(member("../../etc/passwd", *b"x"))) as &dyn Fn(&mut Vec<_>)),
        ("odd name", &|m| m.push(member("/etc/passwd", *b"x"))),
        ("odd name", &|m| m.push(member("a\\data\\1", *b"x"))),
        ("odd name", &|m| m.push(member(&"a/".repeat(300), *b"x"))),
        ("two members", &|m| m.push(member("a/data/0", [0; 8]))),
        ("two members", &|m| m.push(member("a/data.pkl", one_tensor()))),
        ("no data.pkl", &|m| m.push(member("b/data.pkl", one_tensor()))),
        ("no data.pkl", &|m| drop(m.remove(0))),
        ("lacks values of x", &|m| drop(m.remove(1))),
        ("lacks values of x", &|m| m[1].data.truncate(7)),
        ("checksum", &|m| m[1].crc = Some(7)),
        ("checksum", &|m| m[0].crc = Some(7)),
        ("compressed (DEFLATE", &|m| m[1].method = 8),
        ("compressed", &|m| m[0].method = 77),
        ("encrypted", &|m| m[1].flags = 1),
        ("big endian", &|m| m.push(member("a/byteorder", *b"big"))),
        ("TorchScript", &|m| m.push(member("a/constants.pkl", *b"x"))),
        ("TorchScript", &|m| m.push(member("a/code/__torch__.py", *b"x"))),
        // Two storages that are one; lengths that reach into others, or behind the file.
        ("reaches into", &|m| m.push(super::forge::Member { at: Some(0), ..member("a/data/1", [0; 8]) })),
        ("reaches into", &|m| m[0].len = Some(1000)),
        ("reaches into", &|m| m[1].len = Some(u32::MAX - 1)),
        ("reaches into", &|m| m[1].extra = 9),
        ("reaches into", &|m| m[1].at = Some(u32::MAX - 1)),
        ("are the most", &|m| m[0].data = vec![0; pickle::MAX_BYTES + 1]),
        ("32768 members", &|m| m.extend((0..40_000).map(|i| member(&format!("a/{i}"), [])))),
    ] {
        let refusal = changed(change);
        assert!(refusal.contains(reason), "{reason}: {refusal}");
    }
}

#[test]
fn an_old_file_with_tricks_is_refused() {
    let old = |len| {
        let id = [text("storage"), global("torch", "FloatStorage"), text("k"), text("cpu"), int(len), b"N".to_vec()];
        dict(&[("x", tensor([tuple(&id), b"Q".to_vec()].concat(), 0, &[1], &[1]))])
    };
    let keys = |names: &[&str]| {
        let names: Vec<u8> = names.iter().flat_map(|name| text(name)).collect();
        [&b"\x80\x02]("[..], &names, b"e."].concat()
    };
    let values = [1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    assert!(read_all(&legacy(&old(1), &keys(&["k"]), &values)).is_ok());
    for bytes in [
        legacy(&old(2), &keys(&["k"]), &values),
        legacy(&old(1), &keys(&["k", "k"]), &values.repeat(2)),
        legacy(&old(1), &keys(&["other"]), &values),
        legacy(&old(1), &keys(&[]), &values),
        legacy(&old(1), &keys(&["k"]), &values[..11]),
        legacy(&old(1 << 61), &keys(&["k"]), &[0, 0, 0, 0, 0, 0, 0, 0x20]),
        legacy(&old(1), b"\x80\x02}.", &values),
        // Not PyTorch's, or of another version, or of a machine with its bytes the other way round.
        b"\x80\x02}.".repeat(5),
        legacy(&old(1), &keys(&["k"]), &values).replacen_bytes(b"M\xe9\x03", b"M\xe8\x03"),
        legacy(&old(1), &keys(&["k"]), &values)
            .replacen_bytes(b"\x80\x02}.", &[&b"\x80\x02}"[..], &text("little_endian"), b"\x89s."].concat()),
    ] {
        refusal(&bytes);
    }
}

trait Replace {
    fn replacen_bytes(self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replacen_bytes(self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = self.windows(from.len()).position(|window| window == from).unwrap();
        [&self[..at], to, &self[at + from.len()..]].concat()
    }
}
