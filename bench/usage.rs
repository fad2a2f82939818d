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
    let before: Vec<_> = ids.iter().map(|id| ticks(*id)).collect();
    tokio::time::sleep(time).await;
    let spent = ids.iter().zip(before).filter_map(|(id, before)| Some(ticks(*id)?.saturating_sub(before?)));
    // The kernel counts in hundredths of a second.
    let cpu = spent.sum::<u64>() as f64 / time.as_secs_f64();
    let memory = ids.iter().filter_map(|id| pss(*id)).sum::<f64>() / 1024.0;
    Usage { cpu, memory }
}

/// A process and all that descend from it.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, field(id, 1)?.try_into().ok()?))).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    family
}

/// Processes that wanted a core, averaged over the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// User and system time of a process in hundredths of a second.
fn ticks(id: u32) -> Option<u64> {
    Some(field(id, 11)? + field(id, 12)?)
}

/// A number from a process's state; counted from behind its name, which may hold spaces.
fn field(id: u32, index: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(index)?.parse().ok()
}

/// Proportional set size in kB.
fn pss(id: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}
