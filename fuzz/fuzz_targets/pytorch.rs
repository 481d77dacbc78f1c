#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| burn_sam_fuzz::pytorch(file));
