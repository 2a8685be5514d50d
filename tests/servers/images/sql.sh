#!/bin/sh
# The entrypoint of our images of MySQL and MariaDB. As far as tests see, it does what the official images' does:
# initialise the data at the first start, then a temporary server without network to create the accounts and the
# database that the environment names (MYSQL_ or MARIADB_: ROOT_PASSWORD, DATABASE, USER, PASSWORD), then the server.
set -eu

if command -v mariadbd >/dev/null; then
  server=mariadbd client=mariadb
else
  server=mysqld client=mysql
fi
case ${1:-} in
  '' | -*) ;;
  mysqld | mariadbd) shift ;;
  *) exec "$@" ;;
esac

setting() { eval "printf %s \"\${MARIADB_$1:-\${MYSQL_$1:-}}\""; }
quoted() { printf %s "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g"; }
say() { echo "[Entrypoint]: $*"; }

data=/var/lib/mysql socket=/run/mysqld/mysqld.sock
id mysql >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin mysql
mkdir -p "$data" /run/mysqld /var/lib/mysql-files
chown mysql:mysql "$data" /run/mysqld /var/lib/mysql-files
set -- --no-defaults --user=mysql --datadir="$data" --socket="$socket" --pid-file=/run/mysqld/mysqld.pid "$@"

if [ ! -d "$data/mysql" ]; then
  root_password=$(setting ROOT_PASSWORD)
  [ -n "$root_password" ] || { say "[ERROR] MYSQL_ROOT_PASSWORD or MARIADB_ROOT_PASSWORD is not set" >&2; exit 1; }

  say "initializing the data"
  if [ "$server" = mysqld ]; then
    "$server" "$@" --initialize-insecure
  else
    shift # --no-defaults comes first, then what the tool reads itself
    mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --force "$@" >/dev/null
    set -- --no-defaults "$@"
  fi

  say "starting the temporary server"
  "$server" "$@" --skip-networking &
  temporary=$!
  until echo 'SELECT 1' | "$client" --no-defaults --socket="$socket" --user=root >/dev/null 2>&1; do
    kill -0 "$temporary" 2>/dev/null || { say "[ERROR] the temporary server ended" >&2; exit 1; }
    sleep 0.05
  done
  {
    echo "SET @@SESSION.SQL_LOG_BIN = 0;"
    echo "CREATE USER root@'%' IDENTIFIED BY '$(quoted "$root_password")';"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    echo "ALTER USER root@localhost IDENTIFIED BY '$(quoted "$root_password")';"
    if [ -n "$(setting DATABASE)" ]; then
      echo "CREATE DATABASE IF NOT EXISTS \`$(setting DATABASE)\`;"
    fi
    if [ -n "$(setting USER)" ] && [ -n "$(setting PASSWORD)" ]; then
      echo "CREATE USER '$(quoted "$(setting USER)")'@'%' IDENTIFIED BY '$(quoted "$(setting PASSWORD)")';"
      [ -z "$(setting DATABASE)" ] ||
        echo "GRANT ALL ON \`$(setting DATABASE)\`.* TO '$(quoted "$(setting USER)")'@'%';"
    fi
  } | "$client" --no-defaults --socket="$socket" --user=root
  kill "$temporary"
  wait "$temporary"
  say "initialized"
fi
exec "$server" "$@"
