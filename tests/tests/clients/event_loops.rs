// SPDX-License-Identifier: GPL-2.0

//! Event loops: Python's asyncio, and tokio, each with one thread and nothing but epoll.

use mydevice_tests::{Device, Module, guest::sh};
use tokio::io::{Interest, unix::AsyncFd};

/// Python's `asyncio` reads a stream with `add_reader`, without threads.
#[test]
fn asyncio_reads_a_stream() {
    let _module = Module::load(&[]);
    let said = sh(r#"exec python3 - << 'END'
import asyncio, os, threading

async def main():
    loop = asyncio.get_running_loop()
    reader = os.open("/dev/mydevice", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open("/dev/mydevice", os.O_WRONLY | os.O_NONBLOCK)
    data = bytes(n % 251 for n in range(300_000))
    got, left, done = bytearray(), memoryview(data), loop.create_future()

    def readable():
        got.extend(os.read(reader, 65536))
        if len(got) == len(data):
            loop.remove_reader(reader)
            done.set_result(None)

    def writable():
        nonlocal left
        left = left[os.write(writer, left):]
        if not left:
            loop.remove_writer(writer)

    loop.add_reader(reader, readable)
    # Nothing is there yet: it must be woken by what comes.
    loop.call_later(0.1, loop.add_writer, writer, writable)
    await done
    assert bytes(got) == data, "what came out is not what went in"
    assert threading.active_count() == 1, threading.enumerate()
    print(len(got), "without threads")

asyncio.run(main())
END"#);
    assert_eq!(said, "300000 without threads\n");
}

/// A device that tokio's reactor watches.
fn watched(device: Device) -> AsyncFd<Device> {
    // SAFETY: the device owns its descriptor, which stays open and the same as long as it lives.
    let registered = unsafe { AsyncFd::register(device) };
    registered.expect("a device that epoll takes")
}

/// A read that waits for readiness, with tokio.
async fn read(device: &AsyncFd<Device>, max: usize) -> Vec<u8> {
    let read = |device: &Device| device.read(max).map_err(std::io::Error::from);
    device
        .async_io(Interest::READABLE, read)
        .await
        .expect("a read")
}

/// `tokio`'s `AsyncFd` pumps a stream both ways in one thread.
#[test]
fn tokio_pumps_a_stream() {
    let module = Module::load(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let data: Vec<u8> = (0..300_000).map(|n| (n % 251) as u8).collect();
    let got = runtime.block_on(async {
        let [reader, writer] = [(); 2].map(|()| watched(module.instance().nonblocking()));
        let sent = data.clone();
        let writing = tokio::spawn(async move {
            let mut left = &sent[..];
            while !left.is_empty() {
                let write = |device: &Device| device.write(left).map_err(std::io::Error::from);
                let n = writer
                    .async_io(Interest::WRITABLE, write)
                    .await
                    .expect("a write");
                left = &left[n..];
            }
        });
        let mut got = Vec::new();
        while got.len() < data.len() {
            got.extend(read(&reader, 10_000).await);
        }
        writing.await.expect("the writing task");
        got
    });
    assert!(got == data, "what came out is not what went in");
}

/// Readers of a log in one thread: each gets every record, by edges alone.
#[test]
fn tokio_follows_a_log() {
    let module = Module::load(&["discipline=log"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async {
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let device = watched(module.instance().nonblocking());
                tokio::spawn(async move {
                    let mut records = Vec::new();
                    while records.last().is_none_or(|last| *last != b"last") {
                        records.push(read(&device, 100).await);
                    }
                    records
                })
            })
            .collect();
        let writer = module.instance().writer();
        for n in 0..50 {
            writer.put(format!("record {n}"));
            tokio::task::yield_now().await;
        }
        writer.put("last");
        for reader in readers {
            let records = reader.await.expect("a reading task");
            assert_eq!(records.len(), 51);
            assert_eq!(records[7], b"record 7");
        }
    });
}
