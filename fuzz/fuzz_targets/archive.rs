//! Archives of templates: refused, or files that all lie below, and the same ones after they were packed anew.

#![no_main]

use bailey_core::template::names::relative_path;
use bailey_workspaces::template::{MAX_FILES, unpack};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(package) = unpack(data) else { return };
    assert!(package.files().len() <= MAX_FILES);
    assert!(package.files().keys().all(|path| relative_path(path).is_ok()));
    let packed = package.to_gzip().unwrap();
    let again = unpack(&packed).unwrap();
    assert_eq!(again, package);
    assert_eq!(again.digest(), package.digest());
    // Whether it is a good template is another question, and has an answer.
    let _ = package.validate();
});
