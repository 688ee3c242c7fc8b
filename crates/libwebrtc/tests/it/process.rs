//! What this process takes, as Linux counts it.

/// User and system time of all threads, in units of 10 ms.
pub(crate) fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("read process statistics");
    let (_, fields) = stat.rsplit_once(')').expect("find the end of the name");
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("read ticks"));
    ticks.sum()
}

pub(crate) fn resident_kibibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("read process status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("find resident memory");
    line.split_whitespace().next().expect("find number").parse().expect("read number")
}
