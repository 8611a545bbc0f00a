//! As the runner's, for releases: a development build would be made again with every commit.

#[path = "../runner/build.rs"]
mod revision;

fn main() {
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        revision::bake();
    } else {
        println!("cargo:rerun-if-changed=build.rs");
    }
}
