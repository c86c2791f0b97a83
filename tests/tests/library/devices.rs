// SPDX-License-Identifier: GPL-2.0

//! An open device: what its calls give, and which errno.

use std::{
    fmt::Debug,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::fd::OwnedFd,
};

use mydevice::{Add, Device, Discipline, Instance, OpenOptions};
use mydevice_tests::{Module, guest::sh};
use nix::errno::Errno;

/// The errno of what must have failed.
#[track_caller]
pub fn errno<T: Debug>(result: io::Result<T>) -> Errno {
    let error = result.expect_err("an error");
    Errno::from_raw(error.raw_os_error().expect("an error of the kernel's"))
}

fn nonblocking() -> Device {
    let options = OpenOptions::new().read(true).write(true);
    options.nonblocking(true).open("mydevice").unwrap()
}

#[test]
fn counters_are_those_of_proc() {
    let _module = Module::load(&[]);
    let mut device = Device::open("mydevice").unwrap();
    device.write_all(b"12345").unwrap();
    device.write_all(b"678").unwrap();
    device.read_exact(&mut [0; 2]).unwrap();
    assert_eq!(device.unread().unwrap(), 6);

    let figures = Instance::find("mydevice").unwrap().figures().unwrap();
    let status = device.status().unwrap();
    assert_eq!(u64::from(status.buffer_size), figures.buffer_size);
    assert_eq!(u64::from(status.bytes_used), figures.bytes_used);
    assert_eq!(u64::from(status.open_count), figures.open_count);
    assert_eq!(u64::from(status.read_count), figures.read_count);
    assert_eq!(u64::from(status.write_count), figures.write_count);
    let stats = device.stats().unwrap();
    assert_eq!((stats.bytes_read, stats.bytes_written), (2, 8));
    assert_eq!((figures.bytes_read, figures.bytes_written), (2, 8));
    assert_eq!((stats.reads, stats.writes, stats.high_water), (1, 2, 8));
    assert_eq!(figures.discipline, Discipline::Stream);

    device.clear().unwrap();
    assert_eq!(device.stats().unwrap().bytes_cleared, 6);
    device.resize(100).unwrap();
    assert_eq!(device.status().unwrap().buffer_size, 100);
}

#[test]
fn every_errno_is_the_kernels() {
    let _module = Module::load(&[]);
    let both = nonblocking();
    assert_eq!(errno((&both).read(&mut [0; 1])), Errno::EAGAIN);
    assert_eq!(errno(both.resize(0)), Errno::EINVAL);
    assert_eq!(errno(both.resize(1_048_577)), Errno::EINVAL);
    assert_eq!(errno(both.next_file()), Errno::ENOTTY);
    assert_eq!(errno((&both).seek(SeekFrom::Start(0))), Errno::ESPIPE);

    let mut reader = Device::reader("mydevice").unwrap();
    assert_eq!(errno(reader.write(b"x")), Errno::EBADF);
    assert_eq!(errno(reader.clear()), Errno::EBADF);
    assert_eq!(errno(reader.resize(5)), Errno::EBADF);
    assert_eq!(errno(Device::open("nothing")), Errno::ENOENT);
    assert_eq!(
        errno(Device::open("/dev/null").unwrap().status()),
        Errno::ENOTTY
    );

    Instance::find("mydevice").unwrap().remove().unwrap();
    assert_eq!(errno(both.status()), Errno::ENODEV);
    assert_eq!(errno(reader.read(&mut [0; 1])), Errno::ENODEV);
}

#[test]
fn waiting_can_be_switched_off_and_on() {
    let _module = Module::load(&[]);
    let device = Device::open("mydevice").unwrap();
    assert!(!device.is_nonblocking().unwrap());
    device.set_nonblocking(true).unwrap();
    assert!(device.try_clone().unwrap().is_nonblocking().unwrap());
    assert_eq!(errno((&device).read(&mut [0; 1])), Errno::EAGAIN);
    device.set_nonblocking(false).unwrap();
    assert!(!device.is_nonblocking().unwrap());
}

#[test]
fn a_device_is_a_file_and_a_file_a_device() {
    let _module = Module::load(&["discipline=buffer"]);
    let mut file = File::from(Device::open("/dev/mydevice").unwrap());
    file.write_all(b"text").unwrap();
    let mut device = Device::from(OwnedFd::from(file));
    device.seek(SeekFrom::Start(1)).unwrap();
    let mut text = String::new();
    device.read_to_string(&mut text).unwrap();
    assert_eq!(text, "ext");
}

#[test]
fn a_split_instance_is_opened_by_direction() {
    let _module = Module::load(&[]);
    let instance = Add::new("in").split(true).add().unwrap();
    let mut writer = Device::writer("in").unwrap();
    writer.write_all(b"hello").unwrap();
    let mut reader = Device::reader("mydevice-in").unwrap();
    let mut buffer = [0; 5];
    reader.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"hello");
    assert_eq!(errno(Device::open("in")), Errno::ENOENT);
    assert_eq!(errno(Device::reader("/dev/mydevice-in_w")), Errno::EACCES);
    // As somebody who may only put in.
    sh("chmod 0222 /dev/mydevice-in_w");
    assert!(instance.is_split());
    instance.remove().unwrap();
}
