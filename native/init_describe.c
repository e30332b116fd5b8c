/*
 * What the kernel saw of a command that it did not execute, so that the launcher can say what is wrong with it.
 *
 * Assumes: execve(2) has failed and the failure is reported already: the filter of the container may kill init for any
 * call that follows. Guarantees: opens regular files only, as the user that the command would have had, and sends the
 * first bytes of each as they are. Nothing of them is understood here but where a `#!` line leads to; they may be
 * hostile, and the launcher's language checks its bounds.
 */
#include <fcntl.h>
#include <string.h>

#include "init.h"
#include "sys.h"
#include "text.h"

#define HEAD_MAX 4096
#define LINE_MAX_BYTES 255 /* the kernel looks for the end of a #! line in no more: BINPRM_BUF_SIZE */
#define FILES_MAX 5        /* scripts that interpret scripts, before the kernel says ELOOP */

static ssize_t read_head(const char *path, uint8_t *head) {
  /* Another process may have put a FIFO or a terminal in its place. */
  SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  return fd < 0 ? fd : sys_read(fd, head, HEAD_MAX);
}

/* The path behind `#!`, as binfmt_script takes it: between blanks, whatever it ends in. False where there is none. */
static bool find_interpreter(const uint8_t *head, size_t size, char *path, size_t path_size) {
  if (size < 3 || head[0] != '#' || head[1] != '!') return false;
  const size_t end = size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES;
  size_t at = 2, length = 0;
  while (at < end && (head[at] == ' ' || head[at] == '\t')) at++;
  while (at < end && head[at] != ' ' && head[at] != '\t' && head[at] != '\n' && head[at] != '\0' && length + 1 < path_size)
    path[length++] = (char)head[at++];
  path[length] = '\0';
  return length > 0;
}

void init_describe_executable(struct init *init) {
  char path[PATH_MAX];
  uint8_t head[HEAD_MAX];
  if (text_copy(path, sizeof path, init->executable) < 0) return;
  for (int file = 0; file < FILES_MAX; file++) {
    const int error = -init_check_executable(path);
    const ssize_t size = error == 0 ? read_head(path, head) : 0;
    const struct wire_bytes detail[] = {
        {(const uint8_t *)path, (uint32_t)strlen(path) + 1},
        {head, size < 0 ? 0 : (uint32_t)size},
    };
    if (report_send_bytes(init->report_fd, PLAN_REPORT_EXECUTABLE, init->index, error, detail, 2, -1) < 0) return;
    if (size <= 0 || !find_interpreter(head, (size_t)size, path, sizeof path)) return;
  }
}
