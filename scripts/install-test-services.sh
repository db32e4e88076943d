#!/bin/sh
# Installs the Debian packages that the tests use: the brokers, Redis, independent clients of KMIP and AWS, a PKCS#11 token in
# software, age, Prometheus' tool that judges alerts, systemd's that judges units, PostgreSQL with pg_dump, the browser that walks
# through the portal, a compiler for the addon that talks to the token, and the library behind MongoDB's field-level
# encryption. Run by `npm run setup:test`, by the continuous integration, and by `npm test` when something is missing.
# Nothing is installed when all is there. No service is started: tests start their own, on ports of their own.
set -eu

PACKAGES=''
need() { # path package
  [ -e "$1" ] || PACKAGES="$PACKAGES $2"
}
need /usr/sbin/nats-server nats-server
need /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
need /usr/bin/epmd erlang-base
need /usr/bin/redis-server redis-server
need /usr/bin/python3 python3
need /usr/lib/python3/dist-packages/kmip/__init__.py python3-pykmip
need /usr/lib/python3/dist-packages/boto3/__init__.py python3-boto3
need /usr/lib/softhsm/libsofthsm2.so softhsm2
need /usr/bin/softhsm2-util softhsm2
need /usr/bin/age age
need /usr/bin/c++ g++
need /usr/include/mongocrypt/mongocrypt.h libmongocrypt-dev
need /usr/bin/promtool prometheus
need /usr/bin/systemd-analyze systemd
# With its tools, of whichever version: the embedded server comes without pg_dump.
need "$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | head -n 1)" postgresql
need /usr/bin/chromium chromium

if [ -z "$PACKAGES" ]; then
  echo 'test services: all there (nats-server, rabbitmq-server, redis-server, python3-pykmip, python3-boto3, softhsm2, age, g++, libmongocrypt-dev, prometheus, systemd, postgresql, chromium)'
  exit 0
fi
COMMAND="apt-get install -y --no-install-recommends$PACKAGES"

if ! command -v apt-get >/dev/null 2>&1; then
  echo "test services: missing:$PACKAGES, and this is no Debian: install them by other means" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "test services: missing:$PACKAGES. Run:" >&2
  echo "  sudo $COMMAND" >&2
  exit 1
fi

# Debian asks this program before it starts a service at installation; 101 means no. An existing one stays.
POLICY=/usr/sbin/policy-rc.d
if [ ! -e "$POLICY" ]; then
  trap 'rm -f "$POLICY"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
fi

export DEBIAN_FRONTEND=noninteractive
echo "test services: installing:$PACKAGES"
apt-get update -q
# shellcheck disable=SC2086 # a list of package names
apt-get install -y -q --no-install-recommends $PACKAGES
# They would otherwise start with the machine and take the default ports.
if [ -d /run/systemd/system ]; then
  systemctl disable --now nats-server rabbitmq-server redis-server postgresql prometheus prometheus-node-exporter >/dev/null 2>&1 || true
fi
echo 'test services: installed'
