// SPDX-License-Identifier: GPL-2.0

//! Devices in an event loop of tokio's.

use std::{future::Future, io, time::Duration};

use mydevice::{Add, Discipline, Instance, OnEmpty, tokio::AsyncDevice};
use mydevice_tests::{Module, patience::PATIENCE};
use nix::errno::Errno;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    join,
    runtime::Builder,
    time::{sleep, timeout},
};

use crate::devices::errno;

/// Runs it in a loop of one thread, where a call that waits in the kernel would stop everything.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("in time") })
}

#[test]
fn more_than_fits_goes_through() {
    let _module = Module::load(&["buffer_size=1000"]);
    let text: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    run(async {
        let mut reader = AsyncDevice::reader("mydevice").unwrap();
        let mut writer = AsyncDevice::writer("mydevice").unwrap();
        let mut got = vec![0; text.len()];
        let (read, written) = join!(reader.read_exact(&mut got), writer.write_all(&text));
        read.unwrap();
        written.unwrap();
        assert!(got == text);
        assert_eq!(reader.device().status().unwrap().bytes_used, 0);
    });
}

#[test]
fn a_record_is_one_read() {
    let _module = Module::load(&[]);
    let add = Add::new("r").discipline(Discipline::Stack);
    let instance = add.on_empty(OnEmpty::Block).add().unwrap();
    run(async {
        let device = AsyncDevice::open("r").unwrap();
        let mut buffer = [0; 100];
        let write = async {
            sleep(Duration::from_millis(20)).await;
            device.write_once(b"one").await.unwrap();
            device.write_once(b"three").await
        };
        // The reader may wake after the first record or after both.
        let (read, written) = join!(device.read_once(&mut buffer), write);
        assert!([3, 5].contains(&read.unwrap()));
        assert_eq!(written.unwrap(), 5);
        device.read_once(&mut buffer).await.unwrap();
        assert_eq!(device.into_device().unread().unwrap(), 0);
    });
    instance.remove().unwrap();
}

#[test]
fn a_removal_ends_the_wait() {
    let _module = Module::load(&[]);
    run(async {
        let mut device = AsyncDevice::reader("mydevice").unwrap();
        let remove = async {
            sleep(Duration::from_millis(20)).await;
            Instance::find("mydevice").unwrap().remove()
        };
        let mut buffer = [0; 10];
        let (read, removed) = join!(device.read(&mut buffer), remove);
        removed.unwrap();
        assert_eq!(errno(read), Errno::ENODEV);
    });
}

#[test]
fn what_is_no_device_of_ours_is_an_error_and_no_panic() {
    let _module = Module::load(&[]);
    run(async {
        assert_eq!(errno(AsyncDevice::open("nothing").map(drop)), Errno::ENOENT);
        let file = AsyncDevice::reader("/etc/passwd");
        assert_eq!(
            file.map(drop).map_err(|e| e.kind()),
            Err(io::ErrorKind::PermissionDenied)
        );
    });
}
