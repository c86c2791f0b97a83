// SPDX-License-Identifier: GPL-2.0

//! The tool on a terminal: `watch`, colour, the progress bar.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use mydevice_tests::{Instance, Module, eventually};
use nix::pty::{OpenptyResult, Winsize, openpty};
use vt100::Parser;

use crate::tool::{ok, program, refused};

/// The tool, run on a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<Parser>>,
}

impl Terminal {
    fn start(words: &str) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal");
        let end = || {
            Stdio::from(
                slave
                    .try_clone()
                    .expect("another descriptor of the terminal"),
            )
        };
        let child = Command::new(program())
            .args(words.split_whitespace())
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("starting the tool");
        drop(slave);
        let keys = File::from(master);
        let screen = Arc::new(Mutex::new(Parser::new(size.ws_row, size.ws_col, 0)));
        let mut output = keys
            .try_clone()
            .expect("another descriptor of the terminal");
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // EIO is the end: nobody has the terminal open any more.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                shown.lock().unwrap().process(&buffer[..n]);
            }
        });
        Self {
            child,
            keys,
            screen,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    #[track_caller]
    fn shows(&self, part: &str) {
        eventually(&format!("{part:?} is on the screen"), || {
            self.text().contains(part)
        });
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("pressing keys");
    }

    #[track_caller]
    fn ends(mut self) -> i32 {
        eventually("the tool ends", || self.child.try_wait().unwrap().is_some());
        let code = self.child.wait().unwrap().code();
        code.expect("an exit code")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn watch_shows_what_changes_until_q() {
    let module = Module::load(&[]);
    let log = Instance::add("boot discipline=log capacity=1000");
    let mut terminal = Terminal::start("watch boot --interval 0.1");
    terminal.shows(" mydevice-boot (log) ");
    terminal.shows("0 of 1000");
    terminal.shows("sorted by name");
    log.writer().put("x".repeat(500));
    terminal.shows("500 of 1000");
    terminal.shows("50%");
    terminal.shows("at most");
    // Another one, an order, a stop.
    terminal.press("k");
    terminal.shows(" mydevice (stream) ");
    terminal.press("s");
    terminal.shows("sorted by used");
    terminal.press(" ");
    terminal.shows("stopped");
    module.instance().both().put("12345");
    terminal.press(" ");
    terminal.shows("5 of 4K");
    // One that goes while it is shown.
    assert_eq!(module.instance().remove(), Ok(()));
    eventually("the removed one has gone", || {
        !terminal.text().contains("(stream)")
    });
    terminal.press("q");
    let screen = Arc::clone(&terminal.screen);
    assert_eq!(terminal.ends(), 0);
    let screen = screen.lock().unwrap();
    assert!(
        !screen.screen().alternate_screen(),
        "the terminal is as it was"
    );
    assert!(!screen.screen().hide_cursor());
}

#[test]
fn watch_shows_who_waits() {
    let module = Module::load(&["buffer_size=10"]);
    let terminal = Terminal::start("watch --interval 0.1");
    terminal.shows("writer waits 0");
    terminal.shows("readers 0, 0 waiting   writers 0, 0 waiting");
    let device = module.instance().both();
    let writer = mydevice_tests::sleeping_write(&device, [b'x'; 20]);
    terminal.shows("writer waits 1");
    terminal.shows("readers 1, 0 waiting   writers 1, 1 waiting");
    terminal.shows("1 (1)");
    assert_eq!(device.collect(20), [b'x'; 20]);
    assert_eq!(writer.join(), Ok(20));
    terminal.shows("readers 1, 0 waiting   writers 1, 0 waiting");
    let reader = mydevice_tests::sleeping_read(&device, 10);
    terminal.shows("readers 1, 1 waiting   writers 1, 0 waiting");
    device.put("x");
    assert_eq!(reader.join(), Ok(b"x".to_vec()));
}

#[test]
fn watch_ends_by_itself_when_told_and_by_control_c() {
    let _module = Module::load(&[]);
    assert_eq!(Terminal::start("watch --interval 0.05 --count 2").ends(), 0);
    let mut terminal = Terminal::start("watch");
    terminal.shows("live");
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn watch_without_a_terminal_prints_json_or_says_so() {
    let _module = Module::load(&[]);
    refused("watch", 2, &["needs a terminal", "--json"]);
    let lines = ok("watch --json --count 3 --interval 0.05");
    let rates: Vec<_> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["instances"][0]["rates"]
                .is_object()
        })
        .collect();
    assert_eq!(rates, [false, true, true]);
    refused("watch nothing --json", 4, &["ENODEV"]);
}

#[test]
fn colour_and_progress_are_for_terminals() {
    let module = Module::load(&[]);
    module.instance().both().put("x".repeat(4000));
    let coloured = |terminal: &Terminal, part: &str| {
        terminal.shows(part);
        let parser = terminal.screen.lock().unwrap();
        let cells = (0..24).flat_map(|row| (0..100).map(move |column| (row, column)));
        cells.into_iter().any(|(row, column)| {
            let cell = parser.screen().cell(row, column).unwrap();
            cell.fgcolor() == vt100::Color::Idx(1)
        })
    };
    assert!(coloured(&Terminal::start("list"), "98%"));
    assert!(!coloured(&Terminal::start("list --color never"), "98%"));
    let terminal = Terminal::start("stress --chunks 50000");
    terminal.shows(" left");
    terminal.shows("every byte arrived once");
    assert_eq!(terminal.ends(), 0);
    // A dump is not for a terminal.
    let terminal = Terminal::start("dump mydevice");
    terminal.shows("no text for a terminal");
    assert_eq!(terminal.ends(), 2);
}
