// SPDX-License-Identifier: GPL-2.0

use std::{
    io::{self, IsTerminal},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use mydevice::Instance;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use self::screen::Screen;
use super::{
    list::{Entries, seconds},
    status::observer,
};
use crate::{
    failure::{Attempt, Code, Failure, Result},
    output,
    sample::{Order, Sampler},
    target::find,
};

mod draw;
mod screen;

/// Shows the instances as they change, until q is pressed.
///
/// Above, all instances, as in `list`, in an order of your choice: `--sort rate` is what top(1) is for processes. In brackets
/// behind the open files of READERS and WRITERS is how many tasks sleep in a read or a write. Below, the chosen one: how
/// full it is, how often readers and writers had to wait, and a history of what moved.
///
/// The chosen instance is opened for a moment each time, where that is permitted, because only the device itself tells how often somebody waited.
#[derive(Args, Debug)]
#[command(after_help = KEYS)]
pub struct Watch {
    /// The instance to choose at first.
    #[arg(value_name = "NAME", value_hint = clap::ValueHint::AnyPath)]
    target: Option<String>,
    /// The time between two looks.
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// What comes first.
    #[arg(long, value_name = "ORDER", default_value = "name")]
    sort: Order,
    /// Prints what `list --json` does, in one line each time, instead of taking the terminal.
    #[arg(long)]
    json: bool,
    /// Ends after that many looks.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

const KEYS: &str = "\
Keys:
  up, down, k, j   choose another instance
  s                the next order
  space            stop, and go on
  q, Esc, Ctrl-C   end";

/// No terminal can be drawn more often than makes sense.
const SHORTEST: Duration = Duration::from_millis(50);

impl Watch {
    pub fn run(self) -> Result<()> {
        let chosen = self.target.as_deref().map(find).transpose()?;
        if self.json {
            return self.print(chosen.as_ref());
        }
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let error = Failure::new(Code::Usage, "`watch` needs a terminal");
            return Err(error.hint("--json prints lines for programs; `list` prints once"));
        }
        let mut screen = Screen::new(self.sort, chosen.as_ref().map(Instance::name));
        // Before the terminal is taken, so that an error is not wiped away.
        look(&mut screen)?;
        let mut terminal =
            ratatui::try_init().map_err(|error| Failure::from_file("take the terminal", error))?;
        let ended = self.show(&mut screen, |screen| {
            terminal.draw(|frame| draw::draw(screen, frame)).map(drop)
        });
        ratatui::restore();
        ended
    }

    /// One line each time.
    fn print(&self, chosen: Option<&Instance>) -> Result<()> {
        let mut sampler = Sampler::default();
        let mut left = self.count;
        loop {
            let mut rows = sampler.sample().attempt(|| "list the instances")?;
            if let Some(chosen) = chosen {
                rows.retain(|row| row.name == chosen.name());
            }
            self.sort.sort(&mut rows);
            output::json_line(&Entries::from(rows))?;
            left = left.map(|n| n - 1);
            if left == Some(0) {
                return Ok(());
            }
            thread::sleep(self.interval.max(SHORTEST));
        }
    }

    /// Looks, draws and listens, by turns.
    fn show(
        &self,
        screen: &mut Screen,
        mut draw: impl FnMut(&mut Screen) -> io::Result<()>,
    ) -> Result<()> {
        let interval = self.interval.max(SHORTEST);
        let mut next = Instant::now() + interval;
        let mut left = self.count;
        loop {
            draw(screen)?;
            let pause = next.saturating_duration_since(Instant::now());
            if event::poll(pause)? {
                if let Event::Key(key) = event::read()?
                    && !handle(key, screen)
                {
                    return Ok(());
                }
                continue;
            }
            next = Instant::now() + interval;
            if screen.paused {
                continue;
            }
            left = left.map(|n| n - 1);
            if left == Some(0) {
                return Ok(());
            }
            look(screen)?;
        }
    }
}

/// Takes new figures.
fn look(screen: &mut Screen) -> Result<()> {
    screen.look().attempt(|| "list the instances")?;
    let chosen = screen
        .chosen()
        .and_then(|row| Instance::find(&row.name).ok());
    let stats = chosen.and_then(|instance| observer(&instance).ok()?.stats().ok());
    screen.tell_waits(stats);
    Ok(())
}

/// What a key does; false at the end.
fn handle(key: KeyEvent, screen: &mut Screen) -> bool {
    if key.kind == KeyEventKind::Release {
        return true;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Up | KeyCode::Char('k') => screen.choose(-1),
        KeyCode::Down | KeyCode::Char('j') => screen.choose(1),
        KeyCode::Char('s') => screen.next_order(),
        KeyCode::Char(' ') => screen.paused = !screen.paused,
        _ => {}
    }
    true
}
