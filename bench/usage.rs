//! What processes use: CPU over a while, memory at its end.

use std::fs;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Percent of one core.
    pub(crate) cpu: f64,
    /// Proportional set size in MB: shared pages are counted once.
    pub(crate) memory: f64,
}

pub(crate) async fn over(ids: &[u32], time: Duration) -> Usage {
    let ticks = || ids.iter().filter_map(|id| ticks(*id)).sum::<u64>();
    let before = ticks();
    tokio::time::sleep(time).await;
    // The kernel counts in hundredths of a second.
    let cpu = (ticks() - before) as f64 / time.as_secs_f64();
    let memory = ids.iter().filter_map(|id| pss(*id)).sum::<f64>() / 1024.0;
    Usage { cpu, memory }
}

/// User and system time of a process in hundredths of a second.
fn ticks(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Proportional set size in kB.
fn pss(id: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}
