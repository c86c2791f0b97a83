// SPDX-License-Identifier: GPL-2.0

//! Ending long steps when this process is asked to end: Ctrl-C reaches the whole job by itself, but
//! `kill` and a closing CI only reach us, and what a step has started would go on in the cache.

use std::fs;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::privilege::root_command;
use crate::step;

/// Set by the first signal. The second one ends this process at once.
static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // These three can be watched on any Linux; if not, they end this process as they always did.
        let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked));
        let _ = flag::register(signal, Arc::clone(&asked));
    }
    asked
});

/// True once this process was asked to end. From the first call on, that is all a signal does.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Fails if this process was asked to end.
pub fn check() -> Result<()> {
    if asked() {
        bail!("interrupted; the next run goes on after the last finished stage");
    }
    Ok(())
}

/// Ends a child and all that came of it, root's processes included.
pub fn end_with_descendants(child: u32) {
    let mut all = vec![child];
    all.extend(descendants(child, &parents()));
    let pids = all.iter().map(u32::to_string);
    // The shell's own kill: the program is not on every machine. Some may have ended meanwhile,
    // which it calls a failure.
    let _ = root_command("sh")
        .and_then(|mut kill| step::quiet(kill.args(["-c", "kill -TERM \"$@\"", "sh"]).args(pids)));
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, parent_in(&stat)?))
        })
        .collect()
}

/// The parent in a process's `stat`. The name before it may hold anything, parentheses too.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn descendants(of: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let children = parents
        .iter()
        .filter(|(_, parent)| *parent == of)
        .map(|(pid, _)| *pid);
    children
        .flat_map(|pid| std::iter::once(pid).chain(descendants(pid, parents)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_any_depth() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 4)];
        assert_eq!(descendants(2, &parents), [3, 4, 6]);
        assert!(descendants(6, &parents).is_empty());
    }

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_in("77 (a) b (c)) S 12 77 77 0"), Some(12));
        assert_eq!(parent_in("nonsense"), None);
        let own = parents()
            .into_iter()
            .find(|(pid, _)| *pid == std::process::id());
        assert_eq!(
            own.map(|(_, parent)| parent),
            Some(std::os::unix::process::parent_id())
        );
    }

    #[test]
    fn a_child_is_ended_with_its_own_children() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .spawn()
            .expect("a child");
        while descendants(child.id(), &parents()).is_empty() {
            std::thread::yield_now();
        }
        let grandchildren = descendants(child.id(), &parents());
        end_with_descendants(child.id());
        child.wait().expect("its end");
        while grandchildren.iter().any(|pid| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
        }) {
            std::thread::yield_now();
        }
    }
}
