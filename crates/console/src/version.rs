//! What `--version` says.

/// A program's version and the revision of its sources; `revision` is what the build script baked in.
pub fn version(package: &str, revision: Option<&str>) -> &'static str {
    let known = revision.filter(|revision| !revision.is_empty());
    let notes = [known, cfg!(debug_assertions).then_some("debug build")];
    let notes: Vec<&str> = notes.into_iter().flatten().collect();
    let words = if notes.is_empty() { package.to_owned() } else { format!("{package} ({})", notes.join(", ")) };
    // Asked once a process; clap wants it for good.
    words.leak()
}
