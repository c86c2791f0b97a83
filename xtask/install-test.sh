#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What `cargo xtask install-test` does in the VM: one verdict a sentence. The stage is on the kernel's command line.

export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
version='' first='' upgrade='' without_rust=''
# shellcheck source=/dev/null
. /srv/install-test.conf
stage=$(sed -n 's/.*mydevice\.stage=\([a-z]*\).*/\1/p' /proc/cmdline)
passed=0 failed=0

# check NAME COMMAND...
check() {
    local name=$1
    shift
    echo "running $name"
    if "$@" < /dev/null; then
        echo "test $name ... ok"
        passed=$((passed + 1))
    else
        echo "test $name ... FAILED"
        failed=$((failed + 1))
    fi
}

# is WANTED COMMAND...: whether the command says that, and nothing else.
is() {
    local wanted=$1 said
    shift
    said=$("$@" 2>&1)
    [[ $said == "$wanted" ]] || { echo "\`$*\` said: $said"; return 1; }
}

as_member() { runuser --user somebody -- sh -c "$1"; }

# follow PAGE TEXT [SECONDS]: types the commands of the page's block that has TEXT in it, where the packages are, and says y
# to what is asked. They print the lines that the page shows, if it shows any; else the last one succeeds. What waits for more is
# ended after that many seconds.
follow() {
    local block said code line
    block=$(grep -lF -e "$2" "/srv/pages/$1/"*.sh)
    [[ -f $block ]] || { echo "not one block of $1 with: $2"; return 1; }
    said=$(cd /srv/packages && yes | timeout "${3:-3000}" bash "$block" 2>&1)
    code=$?
    echo "$said"
    if [[ ! -s ${block%.sh}.wanted ]]; then return $code; fi
    while IFS= read -r line; do
        grep -qxF -e "$line" <<< "$said" || { echo "missing: $line"; return 1; }
    done < "${block%.sh}.wanted"
}

# Without the bars that are drawn on terminals.
quiet_apt() { apt-get -q -o Dpkg::Use-Pty=0 "$@"; }

the_page_installs_them() { useradd --create-home somebody && follow packaging 'apt install ./'; }
dkms_has() {
    local said
    said=$(dkms status mydevice)
    echo "$said"
    grep -q "^mydevice/$version, $1, .*: installed" <<< "$said"
}
it_is_loaded() { [[ $(cat /sys/module/mydevice/version) == "$version" ]] && udevadm settle; }
taints_o_and_e_alone() { is 12288 cat /proc/sys/kernel/tainted; }
node_is_the_groups() { is 'mydevice 660' stat --format='%G %a' "/dev/$1"; }
a_member_uses_it() { is hello as_member 'echo hello > /dev/mydevice && head -n 1 /dev/mydevice'; }
nobody_else_does() { ! runuser --user nobody -- sh -c 'echo hello > /dev/mydevice'; }
the_service_makes_instances() {
    follow packaging 'systemctl restart mydevice' && is spool cat /sys/class/mydevice_class/mydevice-jobs/discipline &&
        is 65536 cat /sys/class/mydevice_class/mydevice-events/capacity && node_is_the_groups mydevice-jobs
}
the_service_leaves_what_is_there() {
    as_member 'echo a job > /dev/mydevice-jobs' && systemctl restart mydevice && is 'a job' as_member 'cat /dev/mydevice-jobs'
}
the_tool_lists_them() { mydevicectl list && mydevicectl doctor; }
the_header_compiles() {
    echo 'int main(void) { return MYDEV_CLEAR == 0; }' |
        gcc -Wall -Werror -include mydevice_ioctl.h -x c -fsyntax-only -
}
documents_are_there() {
    local page
    for page in man1/mydevicectl.1 man1/mydevicectl-apply.1 man4/mydevice.4 man8/kernel-rust-metadata.8; do
        [[ -s /usr/share/man/$page.gz ]] || { echo "no $page"; return 1; }
    done
    [[ -s /usr/share/bash-completion/completions/mydevicectl ]]
}
metadata_is_there() { kernel-rust-metadata status "$first" "$upgrade"; }
dkms_passes_over_a_kernel_without_rust() {
    local said code
    said=$(dkms build "mydevice/$version" -k "$without_rust" 2>&1)
    code=$?
    echo "$said"
    [[ $code == 77 && $said == *BUILD_EXCLUSIVE* ]]
}
and_the_other_program_says_why() {
    local said code
    said=$(kernel-rust-metadata add "$without_rust" 2>&1)
    code=$?
    echo "$said"
    [[ $code == 4 && $said == *CONFIG_RUST* ]]
}
a_source_that_is_not_to_be_had_is_said() {
    local said code
    said=$(kernel-rust-metadata add --force "$first" 2>&1)
    code=$?
    echo "$said"
    [[ $code == 6 && $said == *snapshot.debian.org* ]] && kernel-rust-metadata status "$first"
}
upgrade_kernel() { touch /srv/before && quiet_apt install --yes --no-install-recommends /srv/archive/*.deb; }
# The headers of the new kernel were here before, for its metadata to be made, so dkms had built for them already.
dkms_has_built_in_the_upgrade() {
    dkms_has "$upgrade" && [[ -n $(find "/lib/modules/$upgrade/" -name 'mydevice.ko*' -newer /srv/before) ]]
}
a_module_that_was_gone_is_loaded_at_boot() { lsmod | grep '^mydevice '; }
parameters_are_those_of_modprobe_d() { [[ -c /dev/mydevice1 ]] && is 65536 cat /sys/module/mydevice/parameters/buffer_size; }
metrics_are_written() {
    local folder=/var/lib/prometheus/node-exporter
    mkdir -p $folder && follow prometheus 'enable --now mydevice-metrics.timer' &&
        timeout 300 sh -c "until test -e $folder/mydevice.prom; do sleep 1; done" &&
        grep -F 'mydevice_used_bytes{name="mydevice-jobs"' $folder/mydevice.prom
}
# Of the units of the manual's recipes, which are no packages'.
delete_the_recipes() {
    systemctl disable --now mydevice-metrics.timer && systemctl stop chatty mydevice-chatty &&
        rm /etc/systemd/system/{chatty,mydevice-chatty,mydevice-metrics}.* /usr/local/bin/{chatty,mydevice-metrics,write-metrics} /srv/packages/{mydevice-metrics*,write-metrics} &&
        rm -r /var/lib/prometheus && systemctl daemon-reload
}
the_page_purges_them() {
    rm -f /etc/mydevice.d/jobs.conf /etc/modules-load.d/mydevice.conf /etc/modprobe.d/mydevice.conf
    follow packaging 'apt purge' && is '' dkms status mydevice
}
nothing_is_left() {
    is '' find / -xdev \( -path /srv -o -path /proc -o -path /sys -o -path /var/log \) -prune -o \
        \( -name '*mydevice*' -o -name '*kernel-rust-metadata*' -o -path '/usr/src/linux-headers-*/rust' \
        -o -path '/usr/lib/linux-kbuild-*/scripts/target.json' \) -print
}
headers_are_whole() { dpkg --verify "linux-headers-$first" "linux-headers-$upgrade" "linux-kbuild-${upgrade%-cloud-amd64}"; }
the_group_stays() { getent group mydevice; }

case $stage in
install)
    check the_page_installs_loads_and_adds_a_member the_page_installs_them
    check dkms_has_built_the_module_for_the_running_kernel dkms_has "$first"
    check it_is_loaded it_is_loaded
    check it_taints_as_any_module_of_dkms_does taints_o_and_e_alone
    check the_node_belongs_to_the_group node_is_the_groups mydevice
    check a_member_of_the_group_writes_and_reads a_member_uses_it
    check who_is_no_member_does_not nobody_else_does
    check the_service_makes_the_instances_of_etc the_service_makes_instances
    check the_service_leaves_what_is_stored the_service_leaves_what_is_there
    check examples_can_be_copied_to_where_the_page_says follow packaging modules-load.d/mydevice.conf
    check the_recipe_for_a_service_does_what_it_says follow systemd 'systemctl start chatty' 30
    check the_recipe_for_prometheus_does_what_it_says metrics_are_written
    check and_what_they_made_can_be_deleted delete_the_recipes
    check the_tool_lists_them_and_finds_nothing_wrong the_tool_lists_them
    check the_header_compiles the_header_compiles
    check manuals_and_completions_are_there documents_are_there
    check metadata_is_there_for_both_kernels metadata_is_there
    check dkms_passes_over_a_kernel_without_rust dkms_passes_over_a_kernel_without_rust
    check kernel_rust_metadata_says_why and_the_other_program_says_why
    check a_source_that_is_not_to_be_had_is_said a_source_that_is_not_to_be_had_is_said
    check apt_upgrades_the_kernel upgrade_kernel
    check dkms_has_built_the_module_for_the_new_kernel_meanwhile dkms_has_built_in_the_upgrade
    ;;
upgraded)
    check the_new_kernel_runs is "$upgrade" uname -r
    check the_module_is_loaded_at_boot a_module_that_was_gone_is_loaded_at_boot
    check its_parameters_are_those_of_modprobe_d parameters_are_those_of_modprobe_d
    check the_service_has_made_the_instances_at_boot node_is_the_groups mydevice-jobs
    check a_member_writes_and_reads_there is 'a job' as_member 'echo a job > /dev/mydevice-jobs; cat /dev/mydevice-jobs'
    check the_tool_lists_them_and_finds_nothing_wrong the_tool_lists_them
    check the_page_purges_everything the_page_purges_them
    check nothing_is_left nothing_is_left
    check the_headers_are_as_they_came headers_are_whole
    check the_group_stays_as_policy_has_it the_group_stays
    ;;
*)
    echo "test the_stage_is_known ... FAILED"
    failed=1
    ;;
esac
[[ $failed == 0 ]] && verdict=ok || verdict=FAILED
echo "test result: $verdict. $passed passed; $failed failed; 0 ignored; 0 measured; 0 filtered out"
