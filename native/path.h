/*
 * Paths inside a root directory that belongs to somebody hostile.
 *
 * Assumes: `root` is a descriptor of the root; everything below it may change between two calls. Guarantees: no
 * function leaves the root, whatever links lie in it: every lookup is openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
 * and what is returned is a descriptor, to act on without a second lookup (CVE-2021-30465, CVE-2019-19921).
 */
#ifndef UTSUWA_PATH_H
#define UTSUWA_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* O_PATH descriptor of what is at `path`, or −errno. `follow` false refuses any symbolic link on the way (ELOOP). */
int path_open(int root, const char *path, bool follow);

/* Opens `path` for reading or writing; `flags` as for open(2). */
int path_open_file(int root, const char *path, int flags);

/* O_PATH descriptor of the directory at `path`; it and its missing parents are made with mode 0755. */
int path_make_directory(int root, const char *path);

/* O_PATH descriptor of the directory that `path` is an entry of, made when missing; *name is the entry's name. */
int path_make_parent(int root, const char *path, const char **name);

/* O_PATH descriptor of what is at `path`; an empty regular file of mode 0644 is made where nothing is. */
int path_make_file(int root, const char *path);

#endif
