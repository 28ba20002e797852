#!/bin/sh
# Make the secrets of compose.yaml that are not there yet; as root, for files must belong to the
# users inside the containers (10001: Flextell, 999: PostgreSQL, 99: HAProxy).
# sh make-secrets.sh CERTIFICATE_AND_KEY.pem
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
random() { head -c 32 /dev/urandom | base64; }
[ -e master.key ] || random >master.key
[ -e database.password ] || random | tr -d '\n=' | tr '/+' '_-' >database.password
printf 'postgres:5432:flextell:flextell:%s\n' "$(cat database.password)" >database.pgpass
[ -e proxy.pem ] || cat "${1:?name the PEM file with the certificate and the key of the proxy}" >proxy.pem
chown 10001:10001 master.key database.pgpass
chown 999:999 database.password
chown 99:99 proxy.pem
echo "Keep a copy of secrets/master.key elsewhere: without it no signing key can be read."
