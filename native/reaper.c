/*
 * reaper: PID 1 of a container that was asked for one (--init). It runs the command as its child, passes on signals,
 * takes note of the end of orphans, lets go on what has itself traced by it, and ends as the command ends: statuses 126 and
 * 127 as a shell has them.
 *
 * Assumes: it runs inside the container, as the container's user, with the command as arguments. Guarantees: it keeps no
 * descriptor that it did not get, and follows nothing but PATH.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traced.h"

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, SIGNALED = 128 };

extern char **environ;

/* Only an absence lets the search go on; what is there and cannot be executed is told at the end. */
static int exec_in_path(char **argv) {
  const char *path = getenv("PATH");
  int worst = ENOENT;
  if (path == NULL) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (;;) {
    size_t length = strcspn(path, ":");
    char file[PATH_MAX];
    int size = snprintf(file, sizeof file, "%.*s/%s", length == 0 ? 1 : (int)length, length == 0 ? "." : path, argv[0]);
    if (size > 0 && (size_t)size < sizeof file) {
      execve(file, argv, environ);
      if (errno == EACCES || errno == ENOEXEC) worst = errno;
      else if (errno != ENOENT && errno != ENOTDIR) return errno;
    }
    if (path[length] == '\0') return worst;
    path += length + 1;
  }
}

/* In front of the terminal, so that Ctrl-C is for the command, whose signals are as they were when we began. */
static int run(char **argv, const sigset_t *mask) {
  sigset_t old;
  sigset_t terminal_output;
  sigemptyset(&terminal_output);
  sigaddset(&terminal_output, SIGTTOU);
  setpgid(0, 0);
  sigprocmask(SIG_BLOCK, &terminal_output, &old);
  tcsetpgrp(STDIN_FILENO, getpgrp()); /* no terminal: nothing happens */
  sigprocmask(SIG_SETMASK, mask, NULL);
  int error = ENOENT;
  if (strchr(argv[0], '/') == NULL) {
    error = exec_in_path(argv);
  } else {
    execve(argv[0], argv, environ);
    error = errno;
  }
  fprintf(stderr, "exec: \"%s\": %s\n", argv[0], strerror(error));
  return error == ENOENT || error == ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE;
}

/* Returns the status of the command when it was among those that have ended, else -1. */
static int reap(pid_t command) {
  for (int result = -1;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return result;
    if (WIFSTOPPED(status)) traced_let_go(pid, WSTOPSIG(status));
    else if (pid == command) result = WIFSIGNALED(status) ? SIGNALED + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

int main(int argc, char **argv) {
  sigset_t all;
  sigset_t mask;
  if (argc < 2) {
    fprintf(stderr, "usage: reaper COMMAND [ARGUMENT...]\n");
    return NOT_FOUND;
  }
  /* For a container in somebody else's PID namespace, where orphans would go to that one's first process. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &mask);
  pid_t command = fork();
  if (command < 0) {
    fprintf(stderr, "fork: %s\n", strerror(errno));
    return NOT_EXECUTABLE;
  }
  if (command == 0) return run(argv + 1, &mask);
  for (;;) {
    int number = sigwaitinfo(&all, NULL);
    if (number < 0) continue; /* EINTR: stopped and continued */
    if (number != SIGCHLD) {
      kill(command, number);
      continue;
    }
    int status = reap(command);
    if (status >= 0) return status;
  }
}
