/* See libutsuwa_cgroup.c. */
#ifndef UTSUWA_LIBUTSUWA_CGROUP_H
#define UTSUWA_LIBUTSUWA_CGROUP_H

#include "libutsuwa.h"
#include "plan_ops.h"

struct cgroup {
  struct utsuwa_launch_result *result; /* gets the detail of a failure, and whether the cgroup was made */
  int fd;                              /* −1: none */
};

/* Carries out one operation. −EINVAL for one that does not concern a cgroup. */
int cgroup_perform(struct cgroup *cgroup, const struct plan_record *record);

#endif
