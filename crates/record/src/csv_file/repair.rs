use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;

/// Cuts a file back to its last whole record, where a killed process or a full disk left a torn one; returns how many bytes
/// were cut off.
///
/// # Errors
/// The file cannot be read or written.
pub fn repair_end(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (mut length, mut whole, mut quoted) = (0u64, 0u64, false);
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        for byte in &chunk[..read] {
            length += 1;
            match byte {
                // A doubled quote within a field leaves and enters it again.
                b'"' => quoted = !quoted,
                b'\n' if !quoted => whole = length,
                _ => {}
            }
        }
    }
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(length - whole)
}
