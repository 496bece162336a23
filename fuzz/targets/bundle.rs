#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (loket_tests::fuzz::target("bundle").run)(input));
