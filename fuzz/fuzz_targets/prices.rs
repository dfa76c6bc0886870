//! Price files and foreign price lists: nothing panics, and what is imported is a valid price file without free models.

#![no_main]

use bailey_llm::PriceTable;
use bailey_llm::price::{import_litellm, import_models_dev};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = PriceTable::parse(text);
    for imported in [import_litellm(text, "2026-01-01"), import_models_dev(text, "2026-01-01")].into_iter().flatten() {
        let table = PriceTable::parse(&imported.toml).expect("an import gave no price file");
        assert!(table.iter().all(|(_, _, price)| !price.is_free()), "an import gave a free model");
    }
});
