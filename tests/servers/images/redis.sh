#!/bin/sh
# The entrypoint of our image of Redis; it does what the official one does. Options alone go to redis-server.
set -eu
case ${1:-} in
  '' | -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  mkdir -p /data
  chown redis:redis /data
  cd /data
  exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"
