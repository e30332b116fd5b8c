/*
 * What init tells its parent: one datagram a report on a SOCK_SEQPACKET socket.
 *
 * A report is three numbers and a text: the kind, the index of the operation in the plan, a positive errno or 0, and a
 * detail (the path or file-system message that belongs to it, never prose). TypeScript knows the plan, so the index
 * stands for the operation, its arguments and the place in config.json that asked for it.
 */
#ifndef UTSUWA_REPORT_H
#define UTSUWA_REPORT_H

#include <sys/types.h>

#include "plan_ops.h"

#define REPORT_DETAIL_MAX 1024

/* Sends a report; `fd` ≥ 0 travels with it (SCM_RIGHTS). 0 or a negative errno; EPIPE when the parent is gone. */
int report_send(int socket, enum plan_report kind, uint32_t index, int error, const char *detail, int fd);

/* The same with a detail that is bytes, in at most two parts. */
int report_send_bytes(int socket, enum plan_report kind, uint32_t index, int error, const struct wire_bytes *detail,
                      size_t count, int fd);

/* Sends bytes and, where `fd` ≥ 0, a descriptor over any Unix socket. 0 or a negative errno. */
int socket_send(int socket, const struct wire_bytes *parts, size_t count, int fd);

/* Waits for the parent's next word and puts up to `size` bytes of it into `buffer`. Bytes, 0 at its end, or −errno. */
ssize_t report_receive(int socket, void *buffer, size_t size);

#endif
