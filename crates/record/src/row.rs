//! What every file's row type has in common: its columns, declared once, with their documentation.

/// One column of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in the header.
    pub name: &'static str,
    /// What it holds: unit, range and when it is empty.
    pub doc: &'static str,
    /// Whether it holds `true` or `false`.
    pub is_flag: bool,
    /// Whether it may be empty.
    pub is_optional: bool,
}

/// Whether a column of the type of this name may be empty.
#[doc(hidden)]
pub const fn is_optional(type_name: &str) -> bool {
    let (name, word) = (type_name.as_bytes(), b"Option");
    let mut at = 0;
    while at < word.len() {
        if at >= name.len() || name[at] != word[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether a column of the type of this name holds `true` or `false`.
#[doc(hidden)]
pub const fn is_flag(type_name: &str) -> bool {
    // Types are written in many ways; `bool` stands in no other type's name.
    let (name, word) = (type_name.as_bytes(), b"bool");
    let mut at = 0;
    while at + word.len() <= name.len() {
        if name[at] == word[0] && name[at + 1] == word[1] && name[at + 2] == word[2] && name[at + 3] == word[3] {
            return true;
        }
        at += 1;
    }
    false
}

/// A row of one of the CSV files.
pub trait Row: serde::Serialize + serde::de::DeserializeOwned {
    /// The file's name within a run's folder.
    const FILE: &'static str;
    /// The columns in the file's order.
    const COLUMNS: &'static [Column];
    /// The columns that earlier versions of this program did not write: where one is missing, it is empty.
    const ADDED_COLUMNS: &'static [&'static str];

    /// The header's names in order.
    fn header() -> Vec<&'static str> {
        Self::COLUMNS.iter().map(|column| column.name).collect()
    }
}

/// Declares a row type: each field is a column, in order, and its doc comment is the data dictionary's entry. Columns that
/// came later than the file's first version are named behind the file, as `added = [name, ...]`; they must be optional. What
/// stands in `aside { ... }` is known beside the row and in no column of it.
#[macro_export]
macro_rules! row {
    (
        $file:literal,
        $(added = [$($added_columns:ident),+],)?
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident : $type:ty, )+
        }
        $(aside { $( $(#[doc = $aside_doc:literal])+ pub $aside:ident : $aside_type:ty, )+ })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field : $type, )+
            $($( $(#[doc = $aside_doc])+ #[serde(skip)] pub $aside : $aside_type, )+)?
        }

        impl $crate::row::Row for $name {
            const FILE: &'static str = $file;
            const COLUMNS: &'static [$crate::row::Column] = &[
                $( $crate::row::Column {
                    name: stringify!($field),
                    doc: concat!($($doc),+),
                    is_flag: $crate::row::is_flag(stringify!($type)),
                    is_optional: $crate::row::is_optional(stringify!($type)),
                }, )+
            ];
            const ADDED_COLUMNS: &'static [&'static str] = &[$($(stringify!($added_columns)),+)?];
        }
    };
}
pub use row;
