use crate::row::row;
use crate::units::Timestamp;
use crate::words::ObjectChange;

row! {
    "objects.csv",
    /// Something that a run made in the bucket beside the uploads of `transfers.csv`, or that it deleted again. What the
    /// transfers and this file say together is what may still lie there.
    #[derive(Eq)]
    pub struct ObjectRecord {
        /// When (UTC).
        pub at: Timestamp,
        /// A cell that has the object's target, as in `cells.csv`.
        pub cell_id: String,
        /// The object's key.
        pub object_key: String,
        /// The multipart upload, as the store named it; empty for an object.
        pub upload_id: Option<String>,
        /// `made` (the run's marker, downloads' objects and multipart uploads; other uploads have their rows in `transfers.csv`) or `deleted`.
        pub change: ObjectChange,
    }
}
