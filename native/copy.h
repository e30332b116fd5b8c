/*
 * Copying a directory tree by descriptor.
 *
 * Assumes: the source belongs to somebody hostile, the destination to us. Guarantees: no link is followed; nothing but
 * directories, regular files and links is copied; the depth is bounded.
 */
#ifndef UTSUWA_COPY_H
#define UTSUWA_COPY_H

/* Copies what is in the directory `from` (O_PATH will do) into the directory `to`, with owners and modes. 0 or −errno. */
int copy_tree(int from, int to);

#endif
