/*
 * The rules that a plan must keep whoever made it. init refuses a plan that breaks one before it does anything.
 */
#ifndef UTSUWA_INIT_CHECK_H
#define UTSUWA_INIT_CHECK_H

#include "plan_ops.h"

/* The file that init inherits: this header, then the records of the stages `join` and `init`. */
struct plan_file {
  uint64_t hash;
  uint32_t report_fd;
  uint32_t join_size;
  uint32_t init_size;
  uint32_t reserved;
};

/* Where the stages of a plan file lie in memory. */
struct plan_stages {
  const uint8_t *join, *init, *end;
  uint32_t report_fd;
  uint32_t preserve_fds; /* as the exec has it */
};

/* Checks frame, records and order. 0 or −errno: EPROTO another build's plan, EBADMSG no plan, EINVAL against a rule;
 * *index is the offending operation, counted through both stages. */
int init_check_plan(const uint8_t *data, size_t size, struct plan_stages *stages, uint32_t *index);

#endif
