//! Bakes the sources' revision in, so that every run says which code made it.

use std::process::Command;

#[allow(dead_code)] // Other programs' build scripts have this file as a module.
fn main() {
    bake();
}

/// Makes the revision the variable `TTLSWEEP_GIT_REVISION` of the crate that is built.
pub(crate) fn bake() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    // The index changes with every commit, HEAD with every branch that is checked out. In a worktree neither is in the checkout,
    // so git is asked where they are. Outside a checkout they are missing, and so is the revision.
    for name in ["HEAD", "index"] {
        if let Some(file) = git(&["rev-parse", "--git-path", name]).filter(|file| std::path::Path::new(file).exists()) {
            println!("cargo:rerun-if-changed={file}");
        }
    }
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
        println!("cargo:rustc-env=TTLSWEEP_GIT_REVISION={revision}{}", if dirty { "-dirty" } else { "" });
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
