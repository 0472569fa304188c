# Configures a Debian base in place. Runs once, as root, without a network, in the unpacked root filesystem, with the same
# packages mounted read-only at @DEBS@. Everything that differs between two runs is removed at the end.
set -eu
umask 022
export PATH=@PATH@ LC_ALL=C HOME=/root TMPDIR=/tmp
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBCONF_NOWARNINGS=yes
: "${SOURCE_DATE_EPOCH:?must be set: /etc/shadow bears a date}"
set -- @DEBS@/*.deb
[ -f "$1" ] || { echo "no packages in @DEBS@" >&2; exit 1; }

# No package may start a daemon; invoke-rc.d asks this program (policy-rc.d(8)), and others run start-stop-daemon.
if [ -e /usr/sbin/policy-rc.d ]; then echo "a package brings policy-rc.d" >&2; exit 1; fi
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# What base-passwd would do, had its own maintainer script a shell with users to run in.
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates
[ -e /var/lib/dpkg/status ] || : > /var/lib/dpkg/status
[ -e /etc/passwd ] || cp /usr/share/base-passwd/passwd.master /etc/passwd
[ -e /etc/group ] || cp /usr/share/base-passwd/group.master /etc/group

# Nothing is lost by not syncing (unsafe-io): a step that dies leaves no layer. What scripts may use while packages are unpacked lies there already (core.go), so dpkg may take them in any order.
dpkg --force-depends --force-unsafe-io --install "$@" < /dev/null
dpkg --configure --pending < /dev/null

# Where apt looks. The lists are fetched by the steps that need them.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || { echo "no $keyring" >&2; exit 1; }
rm -f /etc/apt/sources.list
mkdir -p /etc/apt/sources.list.d
cat > /etc/apt/sources.list.d/debian.sources <<'SOURCES'
@SOURCES@SOURCES
chmod 644 /etc/apt/sources.list.d/debian.sources

# Every package is configured, nothing is missing, and nothing else is installed.
dpkg-query --show --showformat='${db:Status-Abbrev}|${binary:Package}|${Version}\n' > /tmp/installed
if grep -v '^ii ' /tmp/installed >&2; then echo "these packages are not configured" >&2; exit 1; fi
if [ "$(wc -l < /tmp/installed)" -ne $# ]; then echo "$# packages were given, $(wc -l < /tmp/installed) are installed" >&2; exit 1; fi
audit=$(dpkg --audit)
if [ -n "$audit" ]; then echo "$audit" >&2; exit 1; fi
apt-get check -qq -o Debug::NoLocking=1 -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=

# Logs, caches, backups and identities: each bears a time, a random number, or the order of this very run.
rm -f /tmp/installed /usr/sbin/policy-rc.d
find /var/log -type f \( -name wtmp -o -name btmp -o -name lastlog -o -name faillog \) -exec truncate -s 0 '{}' +
find /var/log -type f -size +0 -delete
find /var/cache/apt /var/cache/man /var/lib/apt/lists -type f -delete 2> /dev/null || :
rm -f /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/lib/dpkg/lock* /var/lib/dpkg/triggers/Lock
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/.pwd.lock
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed /var/lib/dbus/machine-id
if [ -e /etc/machine-id ]; then : > /etc/machine-id; fi
find /tmp /var/tmp -xdev -mindepth 1 -delete
find /run -xdev -mindepth 1 ! -type d -delete
