// SPDX-License-Identifier: GPL-2.0

//! `compat_ioctl` works for 32-bit programs.

use mydevice_tests::{
    Module,
    guest::{Sources, sh},
};

const PROGRAM: &str = r#"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "mydevice_ioctl.h"

#define CHECK(what) do { if (!(what)) { printf("line %d: %s: %s\n", __LINE__, #what, strerror(errno)); return 1; } } while (0)

int main(void)
{
	struct mydev_status status = { 0 };
	struct mydev_stats stats = { 0 };
	__u32 capacity = 10;
	char text[100];
	int unread = 0;
	int fd = open("/dev/mydevice", O_RDWR);

	CHECK(sizeof(void *) == 4);
	CHECK(fd >= 0);
	CHECK(write(fd, "0123456789abcdef", 16) == 16);
	CHECK(ioctl(fd, FIONREAD, &unread) == 0 && unread == 16);
	CHECK(ioctl(fd, MYDEV_RESIZE, &capacity) == 0);
	CHECK(ioctl(fd, MYDEV_STATUS, &status) == 0);
	CHECK(status.buffer_size == 10 && status.bytes_used == 10 && status.open_count == 1);
	CHECK(status.write_count == 1 && status.read_count == 0 && status._reserved == 0);
	CHECK(read(fd, text, sizeof(text)) == 10 && !memcmp(text, "0123456789", 10));
	CHECK(ioctl(fd, MYDEV_STATS, &stats) == 0);
	CHECK(stats.bytes_written == 16 && stats.bytes_read == 10 && stats.bytes_truncated == 6);
	CHECK(write(fd, "x", 1) == 1 && ioctl(fd, MYDEV_CLEAR) == 0);
	CHECK(ioctl(fd, FIONREAD, &unread) == 0 && unread == 0);
	CHECK(ioctl(fd, MYDEV_NEXT) == -1 && errno == ENOTTY);
	CHECK(ioctl(fd, MYDEV_STATUS, (void *)8) == -1 && errno == EFAULT);
	CHECK(ioctl(fd, _IO('M', 9)) == -1 && errno == ENOTTY);
	capacity = 0;
	CHECK(ioctl(fd, MYDEV_RESIZE, &capacity) == -1 && errno == EINVAL);
	printf("all is well\n");
	return 0;
}
"#;

#[test]
fn a_32_bit_program_works() {
    let _module = Module::load(&[]);
    let sources = Sources::new(&[("main.c", PROGRAM)]);
    let program = sources.program("gcc -m32", "main.c");
    assert_eq!(sh(&program.display().to_string()), "all is well\n");
}
