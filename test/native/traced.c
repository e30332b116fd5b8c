/* Has itself traced by its parent, says that it is ready, and waits for SIGTERM. */
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static void on_term(int number) {
  (void)number;
  _exit(9);
}

int main(int argc, char **argv) {
  const char *then = argc > 1 ? argv[1] : "";
  signal(SIGTERM, on_term);
  if (strcmp(then, "executed") != 0) ptrace(PTRACE_TRACEME, 0, 0, 0);
  if (strcmp(then, "execute") == 0) execl(argv[0], argv[0], "executed", (char *)0);
  if (strcmp(then, "signal-itself") == 0) raise(SIGWINCH);
  if (strcmp(then, "trap") == 0) __builtin_trap();
  if (strcmp(then, "end") == 0) return 3;
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (;;) pause();
}
