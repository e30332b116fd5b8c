#!/bin/sh
# Compiles the checkout that this script lies in: /source, into /output.
set -eu
for file in *.c; do
  gcc -std=c11 -O2 -Wall -Werror -c "$file" -o "/tmp/${file%.c}.o"
done
gcc /tmp/*.o -o /output/hello
