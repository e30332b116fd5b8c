/*
 * A child that has asked to be traced (PTRACE_TRACEME) has its parent for a tracer, whether that one wants it or not: each
 * signal stops it until the tracer lets it go on, and wait calls report these stops though nobody asked for them.
 *
 * Guarantees: the child goes on as if it had not asked, with the signal that stopped it.
 */
#ifndef UTSUWA_TRACED_H
#define UTSUWA_TRACED_H

#include <signal.h>
#include <sys/ptrace.h>

#include "sys.h"

/* `signal` is what the stop was reported with. */
static inline void traced_let_go(pid_t pid, int signal) {
  if (signal == SIGTRAP) {
    /* execve(2) sends it to a process that is traced, and only then; a breakpoint says that it comes from the kernel. */
    siginfo_t info = {0};
    sys4(__NR_ptrace, PTRACE_GETSIGINFO, pid, 0, SYS_PTR(&info));
    if (info.si_code <= 0) signal = 0;
  }
  sys4(__NR_ptrace, PTRACE_DETACH, pid, 0, signal);
}

#endif
