//! From a row to its cells: numbers as they are, text guarded against spreadsheets.
//!
//! The csv crate's own serialising cannot tell a number from a text that begins with a minus sign, and only the text needs
//! the guard.

use std::fmt::{self, Debug};
use std::io::{self, Write};

use serde::ser::{Error, Impossible, Serialize, SerializeStruct, Serializer};

use ttlsweep_record::text::guarded;

/// Writes the fields of a row, each as one cell.
pub(super) struct Cells<'w, W: Write>(pub(super) &'w mut csv::Writer<W>);

impl<W: Write> Cells<'_, W> {
    fn cell(&mut self, text: &str) -> Result<(), CellError> {
        self.0.write_field(text).map_err(CellError::from)
    }

    fn number(&mut self, number: impl Debug) -> Result<(), CellError> {
        // The longest, a float with an exponent, has 24 characters.
        let mut digits = [0; 32];
        let mut room = digits.as_mut_slice();
        write!(room, "{number:?}")?;
        let left = room.len();
        self.0.write_field(&digits[..digits.len() - left]).map_err(CellError::from)
    }
}

/// Why a row could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CellError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error("{0}")]
    NoCell(String),
}

impl From<csv::Error> for CellError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::File(error),
            other => Self::NoCell(format!("{other:?}")),
        }
    }
}

impl From<CellError> for io::Error {
    fn from(error: CellError) -> Self {
        match error {
            CellError::File(error) => error,
            CellError::NoCell(_) => Self::other(error),
        }
    }
}

impl Error for CellError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::NoCell(message.to_string())
    }
}

fn no_cell<T>(what: &str) -> Result<T, CellError> {
    Err(CellError::NoCell(format!("a cell cannot hold a {what}")))
}

macro_rules! numbers {
    ($($method:ident: $type:ty),+) => {
        $(fn $method(self, number: $type) -> Result<(), CellError> {
            self.number(number)
        })+
    };
}

impl<W: Write> Serializer for &mut Cells<'_, W> {
    type Ok = ();
    type Error = CellError;
    type SerializeSeq = Impossible<(), CellError>;
    type SerializeTuple = Impossible<(), CellError>;
    type SerializeTupleStruct = Impossible<(), CellError>;
    type SerializeTupleVariant = Impossible<(), CellError>;
    type SerializeMap = Impossible<(), CellError>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), CellError>;

    numbers!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64
    );

    fn serialize_char(self, char: char) -> Result<(), CellError> {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), CellError> {
        self.cell(&guarded(text))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CellError> {
        no_cell("row of bytes")
    }

    fn serialize_none(self) -> Result<(), CellError> {
        self.cell("")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CellError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CellError> {
        self.cell("")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CellError> {
        self.cell("")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, word: &'static str) -> Result<(), CellError> {
        self.cell(word)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CellError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), CellError> {
        no_cell("variant with a value")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, CellError> {
        no_cell("list")
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, CellError> {
        no_cell("tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, CellError> {
        no_cell("tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CellError> {
        no_cell("variant with values")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CellError> {
        no_cell("map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CellError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CellError> {
        no_cell("variant with fields")
    }
}

impl<W: Write> SerializeStruct for &mut Cells<'_, W> {
    type Ok = ();
    type Error = CellError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), CellError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CellError> {
        self.0.write_record(None::<&[u8]>).map_err(CellError::from)
    }
}
