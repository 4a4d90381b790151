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
    # Whole or not at all.
    "$@" > "$folder/$name.unfinished"
    mv "$folder/$name.unfinished" "$folder/$name"
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

# search_engine_key UID: the key that Meilisearch makes of its master key for this uid, their HMAC-SHA-256 (see
# packages/runtime/src/search-keys.ts). Written out, because openssl takes the key of its own HMAC from the command line alone, where
# every user of the machine can read it: of the master key, which is hexadecimal and at most 64 bytes, every byte is combined with
# 0x36 for the inner hash and with 0x5c for the outer one, and so is every byte that it is shorter than 64.
search_engine_key() {
  master=$(cat "$folder/meilisearch-key")
  case $master in
    '' | *[!0-9a-f]*)
      echo "meilisearch-key is not one that this script made: put the two keys of \"docket search-keys --print\" beside it" >&2
      return 1
      ;;
  esac
  {
    padded "$master" 'lmnohijkde=>?89:' '\\'
    {
      padded "$master" '\006\007\004\005\002\003\000\001\016\017WTURSP' 6
      printf %s "$1"
    } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -r | cut -d ' ' -f 1
}

# padded KEY DIGITS FILLER: the key with the sixteen digits replaced by these bytes, filled up to 64.
padded() {
  printf %s "$1" | LC_ALL=C tr 0123456789abcdef "$2"
  printf "%$((64 - ${#1}))s" '' | tr ' ' "$3"
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
keep meilisearch-search-key search_engine_key 49381f16-4ab0-44fb-8360-af0424873147
keep meilisearch-projector-key search_engine_key ebb343c1-1583-47be-adff-264bc6a5ba82
keep registry-accounts no_accounts
keep server-name server_name
if [ ! -e "$folder/tls-key" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$host" \
    -addext "subjectAltName=DNS:$host" -keyout "$folder/tls-key" -out "$folder/tls-certificate" 2> /dev/null
fi
# Compose mounts the files as they are, and the processes that read them are not root; here nobody else gets into the folder.
chmod 0700 "$folder"
chmod 0644 "$folder"/*
