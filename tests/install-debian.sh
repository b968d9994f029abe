#!/bin/sh
# Installs the Debian packages that the tests against real servers and a real browser need, and says so.
# Elsewhere, or without root, it changes nothing: those tests are then skipped, each with its reason.
set -eu
sh "$(dirname "$0")/clients/install.sh"
packages="chromium dovecot-imapd fonts-dejavu-core influxdb iproute2 iputils-ping poppler-utils postgresql snmp snmpd victoria-metrics"
# Request Tracker. With msmtp-mta asked for, apt does not choose exim4 as its mailer, whose installation fails where
# there is no init, and leaves /dev/null a regular file.
packages="$packages msmtp-mta request-tracker5 rt5-db-sqlite rt5-standalone"
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || { echo "real servers and browser: all Debian packages are there"; exit 0; }
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "NOT INSTALLED (needs root on Debian):$missing"
    echo "tests that need them are skipped and listed below; with CI=true that is a failure"
    exit 0
fi
echo "installing Debian packages for the tests:$missing"
# Their daemons are started by the tests themselves, on loopback ports of their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# No cron jobs for the Request Tracker that nobody uses, and no question about msmtp's AppArmor profile.
printf '%s\n' "request-tracker5 request-tracker5/install-cronjobs boolean false" \
    "msmtp msmtp/apparmor boolean false" | debconf-set-selections
apt-get -qq -o DPkg::Lock::Timeout=240 update
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=240 install -y --no-install-recommends $missing >/dev/null
