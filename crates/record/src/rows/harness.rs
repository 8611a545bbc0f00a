use crate::row::row;

row! {
    "harness.csv",
    /// Is it us? What one attempt at a trial took of this machine, and what it had to wait for.
    ///
    /// Processor time is that of the whole process: of an embedded testbed too, and of trials that run side by side.
    pub struct HarnessRecord {
        /// The run.
        pub run_id: String,
        /// The trial, as in `trials.csv`.
        pub trial_id: String,
        /// The attempt at the trial, as in `trials.csv`. One that was killed has no row here.
        pub attempt: u32,
        /// From the first user's start until the last user was done, in microseconds.
        pub wall_us: u64,
        /// Processor time that ttlsweep's process took meanwhile, user and system, in microseconds; an embedded testbed's and
        /// that of trials side by side is part of it.
        pub cpu_us: u64,
        /// `cpu_us` in thousandths of what all processors of the machine could have given.
        pub cpu_permille: u64,
        /// Time for which threads of this process were ready to run and had no processor, added up, in microseconds
        /// (Linux only).
        pub cpu_wait_us: Option<u64>,
        /// How busy all processors of the machine were, with whatever, in thousandths (Linux only).
        pub machine_busy_permille: Option<u64>,
        /// What the hypervisor withheld of them, in thousandths (Linux only).
        pub machine_steal_permille: Option<u64>,
        /// Time spent in the bandwidth cap's own code, in microseconds; empty without a cap.
        pub cap_cpu_us: Option<u64>,
        /// The longest time by which the cap's timer let bytes go later than their slot, in microseconds; empty without a cap.
        pub cap_late_us: Option<u64>,
        /// The most descriptors that were open at once, looked at every 100 ms (Linux only).
        pub descriptors: Option<u64>,
        /// How many may be open; empty = no limit.
        pub descriptors_limit: Option<u64>,
    }
}
