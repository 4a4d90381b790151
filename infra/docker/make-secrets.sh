#!/bin/sh
# Makes what the services of compose.yaml must know and nobody else: random passwords and keys, and a certificate for trying; and the
# name of the host, under which alone the proxy answers. Files that are there already stay as they are. The certificate is signed by
# nobody: put a real one in its place.
#
#   ./make-secrets.sh [FOLDER] [HOST]
set -eu

folder=${1:-$(dirname "$0")/secrets}
host=${2:-localhost}
umask 077
mkdir -p "$folder"

random() {
  openssl rand -hex 24
}

# keep NAME COMMAND...: the output of the command, unless the file is there.
keep() {
  name=$1
  shift
  if [ ! -e "$folder/$name" ]; then
    "$@" > "$folder/$name"
  fi
}

database_url() {
  echo "postgres://$1:$(random)@postgres:5432/docket"
}

token_keys() {
  echo "$(date +%Y%m%d):$(random)"
}

# As nginx reads it; several names stand beside each other.
server_name() {
  echo "server_name $host;"
}

# One line an account, "name:bcrypt"; see "The accounts of the registry" in compose.yaml.
no_accounts() {
  :
}

keep postgres-password random
keep database-url database_url docket_api
keep projector-database-url database_url docket_projector
keep migration-database-url database_url docket_owner
keep token-keys token_keys
keep meilisearch-key random
keep registry-accounts no_accounts
keep server-name server_name
if [ ! -e "$folder/tls-key" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$host" \
    -addext "subjectAltName=DNS:$host" -keyout "$folder/tls-key" -out "$folder/tls-certificate" 2> /dev/null
fi
# Compose mounts the files as they are, and the processes that read them are not root; here nobody else gets into the folder.
chmod 0700 "$folder"
chmod 0644 "$folder"/*
