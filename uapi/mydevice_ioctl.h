/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ioctl interface of the mydevice queues.
 *
 * This is an ABI: nothing here is ever renumbered, moved or changed in size. It compiles unchanged in
 * the kernel, in C and in C++, and every structure has the same layout on 32 and 64 bits.
 */
#ifndef _UAPI_MYDEVICE_IOCTL_H
#define _UAPI_MYDEVICE_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MYDEV_MAGIC 'M'

/**
 * struct mydev_status - the counters at one moment, as MYDEV_STATUS gives them
 * @buffer_size: capacity: the bytes of data that the instance may hold now
 * @bytes_used: the bytes that wait to be read
 * @open_count: opens (open file descriptions) on the instance now
 * @read_count: reads that moved at least one byte, since the instance was made
 * @write_count: writes that moved at least one byte, since the instance was made
 * @_reserved: 0
 *
 * Each field stays at its largest value where the true one does not fit; struct mydev_stats has the
 * counters whole.
 */
struct mydev_status {
	__u32 buffer_size;
	__u32 bytes_used;
	__u32 open_count;
	__u32 read_count;
	__u32 write_count;
	__u32 _reserved;
};

/**
 * struct mydev_stats - the counters since the instance was made, as MYDEV_STATS gives them
 * @bytes_read: bytes that reads handed out
 * @bytes_written: bytes that writes took in
 * @reads: reads that moved at least one byte
 * @writes: writes that moved at least one byte
 * @reader_waits: times a reader had to wait for data or for its turn
 * @writer_waits: times a writer had to wait for room or for its turn
 * @bytes_truncated: bytes that a shrinking MYDEV_RESIZE dropped
 * @bytes_cleared: bytes that MYDEV_CLEAR dropped
 * @bytes_evicted: bytes that newer ones pushed out (log)
 * @bytes_missed: bytes that this open missed: evicted or cleared before it read them, or left by a read that failed (log)
 * @high_water: the most bytes that ever waited at once
 * @_spare: 0, for counters to come
 */
struct mydev_stats {
	__u64 bytes_read;
	__u64 bytes_written;
	__u64 reads;
	__u64 writes;
	__u64 reader_waits;
	__u64 writer_waits;
	__u64 bytes_truncated;
	__u64 bytes_cleared;
	__u64 bytes_evicted;
	__u64 bytes_missed;
	__u64 high_water;
	__u64 _spare[5];
};

/* Drops what is stored and zeroes the memory; wakes writers. */
#define MYDEV_CLEAR _IO(MYDEV_MAGIC, 0)
/* Sets the capacity in bytes; wakes both sides. */
#define MYDEV_RESIZE _IOW(MYDEV_MAGIC, 1, __u32)
/* The counters of struct mydev_status. */
#define MYDEV_STATUS _IOR(MYDEV_MAGIC, 2, struct mydev_status)
/* The counters of struct mydev_stats. */
#define MYDEV_STATS _IOR(MYDEV_MAGIC, 3, struct mydev_stats)
/* Lets go of this open's file, so that its next read takes the next one (spool). */
#define MYDEV_NEXT _IO(MYDEV_MAGIC, 4)

#endif /* _UAPI_MYDEVICE_IOCTL_H */
