#!/usr/bin/env bash
# Starts a PostgreSQL server of its own in a temporary folder, fills it, and follows it: a copy, then changes.
#
#   examples/postgres-cdc/run.sh [path of the binary sluice]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
sluice=${1:-sluice}
../../scripts/postgres

bin=${POSTGRES_BIN:-$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)")}
folder=$(mktemp -d)
project=$(mktemp -d)
export SHOP_PASSWORD=${SHOP_PASSWORD:-only-for-this-example} PGPASSWORD=${SHOP_PASSWORD:-only-for-this-example}

# A server does not run as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id "$user" > /dev/null 2>&1 || user=nobody
    chown "$user" "$folder"
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi
server() { "${as[@]}" "$bin/$1" "${@:2}"; }
cleanup() {
    server pg_ctl -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true
    rm -rf "$folder" "$project"
}
trap cleanup EXIT

printf '%s' "$SHOP_PASSWORD" > "$folder/password"
chmod 644 "$folder/password"
cd "$folder"
server initdb -D "$folder/data" -U postgres -E UTF8 --locale=C --no-sync --auth=scram-sha-256 \
    --pwfile="$folder/password" > /dev/null
server pg_ctl -D "$folder/data" -w -l "$folder/data/log" start \
    -o "-p 54329 -k '' -h 127.0.0.1 -c wal_level=logical" > /dev/null
cd - > /dev/null

psql() { command "$bin/psql" -h 127.0.0.1 -p 54329 -U postgres -X -q -v ON_ERROR_STOP=1 "$@"; }
say() { printf '\n\n== %s\n' "$*"; }

cp -r sluice.yml sources "$project"
psql -f tables.sql

say "What is there"
"$sluice" -C "$project" source discover
"$sluice" -C "$project" source check

say "The first run copies the tables"
"$sluice" -C "$project" run
"$sluice" -C "$project" sql -c "select status, count(*) as orders, sum(amount) as amount from raw.orders group by all order by 1"

say "Changes in the source, and a run that follows them"
psql -f changes.sql
"$sluice" -C "$project" run
"$sluice" -C "$project" sql -c "select status, count(*) as orders, sum(amount) as amount from raw.orders group by all order by 1"

say "Changes are followed while they happen, and every version of a customer is kept"
"$sluice" -C "$project" run --follow &
follower=$!
psql -c "update orders set status = 'paid' where status = 'new'; update customers set name = 'Somebody else' where id = 7"
for _ in $(seq 100); do
    left=$("$sluice" -C "$project" sql --format csv -c "select count(*) from raw.orders where status = 'new'" | tail -n 1)
    [ "$left" = 0 ] && break
    sleep 0.2
done
kill -TERM "$follower"
wait "$follower"
"$sluice" -C "$project" sql -c "select name, valid_from, valid_to, is_current from raw.customers where id = 7 order by valid_from"

say "Both say the same"
psql -c "select status, count(*) as orders, sum(amount) as amount from orders group by 1 order by 1"
