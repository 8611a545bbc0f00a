//! What makes two experiments the same plan: the hash over everything that matters, and over nothing else.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use ttlsweep_record::Cell;

use super::definition::Experiment;

impl Experiment {
    /// Hex SHA-256 over the canonical JSON of everything that matters for results: cells, controls, seed and repetitions.
    ///
    /// The notation of the file, its question and how many trials run side by side do not matter; of a body's file, its
    /// name and size do, the folder does not.
    pub fn plan_hash(&self) -> String {
        let identity = Identity {
            version: 1,
            seed: self.seed,
            repetitions: self.repetitions,
            cells: self.cells.iter().map(canonical).collect(),
        };
        // Numbers, texts and string keys only: nothing that JSON could not hold.
        let json = serde_json::to_vec(&identity).expect("a plan is JSON");
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Serialize)]
struct Identity {
    version: u32,
    seed: u64,
    repetitions: u32,
    cells: Vec<BTreeMap<String, Value>>,
}

/// The cell with its keys sorted and without what is empty, so that a new optional column changes no hash.
fn canonical(cell: &Cell) -> BTreeMap<String, Value> {
    match serde_json::to_value(cell.without_folders()) {
        Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => BTreeMap::new(),
    }
}
