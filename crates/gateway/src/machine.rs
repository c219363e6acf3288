//! The machine as Linux tells of it under `/proc`.

use std::time::Duration;

use domain::unit::{Memory, Processor};

/// How long processors are watched: long enough for a share in whole percents.
const WATCHED: Duration = Duration::from_millis(500);

/// What the processors do now: all of them together, then each.
pub(crate) async fn processors() -> Vec<Processor> {
    let before = read("stat")
        .await
        .map(|text| ticks(&text))
        .unwrap_or_default();
    tokio::time::sleep(WATCHED).await;
    let after = read("stat")
        .await
        .map(|text| ticks(&text))
        .unwrap_or_default();
    let pairs = after.iter().zip(&before);
    pairs.map(|(after, before)| after.since(before)).collect()
}

/// The machine's memory.
pub(crate) async fn memory() -> Option<Memory> {
    parsed_memory(&read("meminfo").await?)
}

async fn read(name: &str) -> Option<String> {
    tokio::fs::read_to_string(format!("/proc/{name}"))
        .await
        .ok()
}

/// Lines `cpu…  user nice system idle iowait irq softirq …`.
fn ticks(stat: &str) -> Vec<Processor> {
    let lines = stat.lines().filter(|line| line.starts_with("cpu"));
    lines.filter_map(processor).collect()
}

fn processor(line: &str) -> Option<Processor> {
    let mut numbers = line
        .split_whitespace()
        .skip(1)
        .map_while(|word| word.parse().ok());
    Some(Processor {
        user: numbers.next()?,
        nice: numbers.next()?,
        system: numbers.next()?,
        idle: numbers.next()?,
        iowait: numbers.next()?,
        irq: numbers.next()?,
        softirq: numbers.next()?,
    })
}

/// Lines `Name:   number kB`.
fn parsed_memory(meminfo: &str) -> Option<Memory> {
    let amount = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let free = amount("MemFree:")?;
    Some(Memory {
        total: amount("MemTotal:")?,
        free,
        freeable: amount("MemAvailable:")?.saturating_sub(free),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_and_compared() {
        let before = ticks("cpu  10 1 5 100 2 0 1 0 0 0\ncpu0 10 1 5 100 2 0 1 0 0 0\nintr 7\n");
        let after = ticks("cpu  20 1 10 180 2 0 1 0 0 0\ncpu0 20 1 10 180 2 0 1 0 0 0\nintr 8\n");
        assert_eq!((before.len(), after.len()), (2, 2));
        let done = after[1].since(&before[1]);
        assert_eq!(
            (done.user, done.system, done.idle, done.total()),
            (10, 5, 80, 95)
        );
    }

    #[test]
    fn memory_is_read() {
        let meminfo = "MemTotal:  4000 kB\nMemFree:   1000 kB\nMemAvailable:   2500 kB\n";
        let read = Memory {
            total: 4_000,
            free: 1_000,
            freeable: 1_500,
        };
        assert_eq!(parsed_memory(meminfo), Some(read));
        assert_eq!(parsed_memory("MemTotal: 4000 kB\n"), None);
    }
}
