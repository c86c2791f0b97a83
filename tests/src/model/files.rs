// SPDX-License-Identifier: GPL-2.0

//! The files of a modelled spool.

use super::{
    instance::Instance,
    open::{Claim, File, Open},
};

impl Instance {
    fn place(&self, number: u64) -> Option<usize> {
        self.files.iter().position(|file| file.number == number)
    }

    /// The place of the file that a read through `open` is about, if there is one; an error at the end of
    /// its file.
    pub(super) fn file_for(&self, open: &Open) -> Result<Option<usize>, ()> {
        match open.claim {
            Claim::Nothing => Ok(self.files.iter().position(|file| !file.claimed)),
            Claim::Ended => Err(()),
            Claim::File(number) => Ok(Some(self.place(number).expect("it is claimed"))),
        }
    }

    /// An open takes the oldest unclaimed file at its first read, whatever that read brings.
    pub(super) fn claim(&mut self, number: usize) {
        if self.opens[&number].claim != Claim::Nothing {
            return;
        }
        if let Some(file) = self.files.iter_mut().find(|file| !file.claimed) {
            file.claimed = true;
            let claim = Claim::File(file.number);
            let open = self.open_mut(number);
            (open.claim, open.got) = (claim, false);
        }
    }

    /// Takes bytes of the open's file.
    pub(super) fn take_of_file(&mut self, number: usize, len: usize) -> Vec<u8> {
        let place = self.file_for(&self.opens[&number]);
        let place = place.ok().flatten().expect("a file with bytes");
        let file = &mut self.files[place];
        let bytes = file.bytes.drain(..len).collect();
        let over = file.bytes.is_empty() && !file.unfinished;
        if over {
            self.files.remove(place);
        }
        let open = self.open_mut(number);
        open.got = true;
        if over {
            open.claim = Claim::Ended;
        }
        bytes
    }

    /// Whether a reader has taken all that is stored of the file that the open writes.
    pub(super) fn all_taken(&self, open: &Open) -> bool {
        let own = open.own.and_then(|number| self.place(number));
        own.is_some_and(|place| self.files[place].bytes.is_empty())
    }

    /// Adds to the file that the open writes, which it begins if it has none.
    pub(super) fn add_to_file(&mut self, number: usize, bytes: &[u8]) {
        let own = match self.opens[&number].own {
            Some(own) => own,
            None => {
                let own = self.next;
                self.next += 1;
                self.open_mut(number).own = Some(own);
                self.files.push_back(File {
                    number: own,
                    bytes: Default::default(),
                    unfinished: true,
                    claimed: false,
                });
                own
            }
        };
        let place = self.place(own).expect("its writer has it");
        self.files[place].bytes.extend(bytes);
    }

    /// The writer of a file has gone.
    pub(super) fn finish(&mut self, number: u64) {
        let place = self.place(number).expect("its writer had it");
        self.files[place].unfinished = false;
        if self.files[place].bytes.is_empty() {
            self.files.remove(place);
            for open in self.opens.values_mut() {
                if open.claim == Claim::File(number) {
                    // Who has had nothing of it was not handed a file that could end.
                    open.claim = match open.got {
                        true => Claim::Ended,
                        false => Claim::Nothing,
                    };
                }
            }
        }
    }

    /// The reader of a file leaves the rest at the head. (Its own writer may have ended it just before.)
    pub(super) fn let_go(&mut self, number: u64) {
        let place = self.place(number);
        if let Some(mut file) = place.and_then(|place| self.files.remove(place)) {
            file.claimed = false;
            self.files.push_front(file);
        }
    }

    /// CLEAR: an open that had claimed a file reads 0, and a writer's next write begins a new file.
    pub(super) fn clear_files(&mut self) {
        self.files.clear();
        for open in self.opens.values_mut() {
            open.own = None;
            if let Claim::File(_) = open.claim {
                open.claim = Claim::Ended;
            }
        }
    }
}
