// SPDX-License-Identifier: GPL-2.0

//! C1 and C2: the header. (That the Rust of the tests says the same is for the uapi crate's own test.)

use mydevice_tests::guest::{Sources, header_folder, sh};
use mydevice_uapi::ioctl::{MYDEV_CLEAR, MYDEV_NEXT, MYDEV_RESIZE, MYDEV_STATS, MYDEV_STATUS};

/// The header compiles unchanged in C and in C++, on 64 bits and on 32.
#[test]
fn c1_the_header_compiles_in_c_and_cpp() {
    let source = "#include \"mydevice_ioctl.h\"\n\
                  int main(void) { struct mydev_stats stats; struct mydev_status status;\n\
                  return MYDEV_MAGIC != 'M' || sizeof(stats) != 128 || sizeof(status) != 24; }\n";
    let sources = Sources::new(&[("main.c", source), ("main.cc", source)]);
    for (compiler, file) in [
        ("gcc -std=c99 -pedantic", "main.c"),
        ("gcc -m32", "main.c"),
        ("g++", "main.cc"),
        ("g++ -m32", "main.cc"),
    ] {
        sh(&sources.program(compiler, file).display().to_string());
    }
}

/// The header compiles unchanged in the kernel.
#[test]
fn c1_the_header_compiles_in_the_kernel() {
    let sources = Sources::new(&[
        (
            "user.c",
            "#include <linux/module.h>\n\
             #include \"mydevice_ioctl.h\"\n\
             static int __init start(void) {\n\
             \tBUILD_BUG_ON(sizeof(struct mydev_status) != 24);\n\
             \tBUILD_BUG_ON(_IOC_TYPE(MYDEV_STATS) != MYDEV_MAGIC);\n\
             \treturn 0;\n\
             }\n\
             module_init(start);\n\
             MODULE_LICENSE(\"GPL\");\n\
             MODULE_DESCRIPTION(\"uses the header\");\n",
        ),
        (
            "Kbuild",
            &format!(
                "obj-m := user.o\nccflags-y := -Werror -I{}\n",
                header_folder().display()
            ),
        ),
    ]);
    sh(&format!(
        "$MYDEVICE_MAKE M={} user.o",
        sources.path().display()
    ));
}

/// The commands are distinct, and from each other's directions and sizes too.
#[test]
fn c2_the_commands_are_distinct() {
    let mut numbers = [
        MYDEV_CLEAR,
        MYDEV_RESIZE,
        MYDEV_STATUS,
        MYDEV_STATS,
        MYDEV_NEXT,
    ]
    .map(|command| command & 0xff);
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}
