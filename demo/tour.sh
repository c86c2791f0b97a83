#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A tour of the main job, on real input: `make run` boots the VM and runs this in it, as root, with nothing
# loaded. Each step says what it shows, then the command, then what the command printed. A step whose result
# is not as it should be fails the tour, and the summary says which.

set -u

ko=${MYDEVICE_KO_DIR:?"is not set: this tour runs in the VM, by \`make run\`"}
node=/dev/mydevice
class=/sys/class/mydevice_class/mydevice
steps=0
failures=()
output=

# A heading, with one sentence for the newcomer.
step() {
	steps=$((steps + 1))
	title=$1
	printf '\n== %d. %s\n   %s\n' "$steps" "$1" "$2"
}

# Shows a command, runs it and shows what it printed, which is then in $output.
run() {
	printf '   $ %s\n' "$1"
	local status
	output=$(eval "$1" 2>&1)
	status=$?
	[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/     /'
	[ $status -eq 0 ] || failed "\`$1\` ended with status $status"
}

# Holds what a command printed against the pattern that it should match.
expect() {
	# shellcheck disable=SC2053 # it is a pattern
	[[ $output == $1 ]] || failed "expected '$1', got '$output'"
}

failed() {
	printf '   FAILED: %s\n' "$1"
	failures+=("step $steps ($title): $1")
}

# Waits for something that another process is about to do.
await() {
	local tries=600
	until eval "$2"; do
		if [ $((tries -= 1)) -eq 0 ]; then
			failed "waited a minute in vain: $1"
			return
		fi
		sleep 0.1
	done
}

echo "mydevice: memory-backed queues in /dev, on Linux $(uname -r)"
dmesg --clear

step "The module" "What it is, and which parameters it takes."
run "modinfo $ko/mydevice.ko | grep -E '^(description|author|license|version|parm):'"
expect '*license:*GPL*parm:*buffer_size*'
run "modinfo $ko/hello.ko | grep -E '^(description|parm):'"

step "Load" "hello first, the smallest module; then the driver, which makes its node by itself."
run "insmod $ko/hello.ko && cat /sys/module/hello/parameters/buffer_size && rmmod hello"
expect 4096
run "insmod $ko/mydevice.ko"
run "ls -l $node"
expect 'crw------- 1 root root *'
run "dmesg | grep -o 'mydevice: registered.*'"
expect 'mydevice: registered major=* minor=0'

step "A round trip" "What one process writes waits in the kernel until another reads it; a stream hands it out once."
run "echo hello > $node"
run "cat $class/bytes_used"
expect 6
run "head -n 1 $node"
expect hello
run "cat $class/bytes_used"
expect 0

step "A text for all" "The same node as a buffer: all read it from its beginning, and each time counts as read."
run "echo buffer > $class/discipline"
run "echo hello > $node"
run "cat $node && cat $node"
expect $'hello\nhello'
run "python3 -c 'import fcntl, os; fcntl.ioctl(os.open(\"$node\", os.O_WRONLY), 0x4d00)'  # MYDEV_CLEAR"
run "echo stream > $class/discipline"

step "A reader waits" "Nothing is there, so the reader sleeps in the kernel, until a writer comes."
heard=$(mktemp)
printf '   $ head -n 1 %s &\n' "$node"
head -n 1 "$node" > "$heard" &
reader=$!
await "the reader falls asleep" "[ \"\$(cut -d' ' -f1 /proc/$reader/syscall)\" = 0 ]"
run "ps -o pid=,stat=,args= -p $reader"
expect "*$reader S*head*"
run "echo 'wake up' > $node"
await "the reader ends" "! kill -0 $reader 2> /dev/null"
run "cat $heard  # what the reader printed"
expect 'wake up'
rm -f "$heard"

step "Resize" "The capacity changes while the queue is in use; what fits stays."
run "echo -n 1234567890 > $node"
run "echo 5 > $class/capacity"
run "cat /proc/mydevice"
expect $'buffer_size: 5\nbytes_used: 5\n*'
run "dd if=$node bs=100 count=1 status=none"
expect 12345
run "python3 -c 'import fcntl, os, struct; fcntl.ioctl(os.open(\"$node\", os.O_WRONLY), 0x40044d01, struct.pack(\"I\", 4096))'  # MYDEV_RESIZE"
run "cat $class/capacity"
expect 4096

step "Traffic" "4 writers and 4 readers at once, 10,000 chunks each; every byte says where it comes from."
run "cat /proc/mydevice"
read_before=$(grep -Po '(?<=bytes_read: ).*' /proc/mydevice)
run "traffic $node --writers 4 --readers 4 --chunks 10000 --size 32"
expect '*writer 3: 320000 bytes sent, 320000 arrived*every byte arrived once*'
run "cat /proc/mydevice"
expect '*bytes_used: 0*'
read_after=$(grep -Po '(?<=bytes_read: ).*' /proc/mydevice)
[ $((read_after - read_before)) -eq 1280000 ] || failed "$((read_after - read_before)) bytes were read, not 1280000"

step "Unload" "The node, the /proc entry and the class go with the module."
run "rmmod mydevice"
run "ls -d $node /proc/mydevice /sys/class/mydevice_class 2>&1 | grep -c 'No such file'"
expect 3

step "The kernel's log" "Everything that the kernel said during this tour."
run "dmesg"
expect '*mydevice: registered*mydevice: module unloaded*'
if grep -E 'BUG:|WARNING:|Oops|Call Trace|INFO: task|RIP:' <<< "$output"; then
	failed "the kernel reports a fault"
fi

echo
if [ ${#failures[@]} -eq 0 ]; then
	echo "All $steps steps went as they should."
else
	printf '%d failures:\n' ${#failures[@]}
	printf '  %s\n' "${failures[@]}"
	exit 1
fi
