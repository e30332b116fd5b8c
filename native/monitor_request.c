/* See monitor.h. Assumes nothing about the bytes; what it lets pass can be used without further checks. */
#include <errno.h>

#include "monitor.h"

#define FDS_MAX 1024

static bool is_fd(int64_t fd, bool may_be_none) { return (fd >= 0 && fd < FDS_MAX) || (may_be_none && fd == -1); }

int monitor_read_request(const uint8_t *bytes, size_t size, struct monitor_begin *request) {
  struct monitor_record record;
  const uint8_t *at = bytes;
  int result = monitor_decode(&at, bytes + size, &record);
  if (result < 0) return result;
  if (record.op != MONITOR_BEGIN || at != bytes + size || record.begin.hash != MONITOR_HASH) return -EBADMSG;
  const struct monitor_begin *r = &record.begin;
  bool fds_are_fine = is_fd(r->control_fd, false) && is_fd(r->directory_fd, false) && is_fd(r->log_directory_fd, true) &&
                      is_fd(r->stdin_fd, true) && is_fd(r->stdout_fd, true) && is_fd(r->stderr_fd, true) &&
                      is_fd(r->console_fd, true);
  if (!fds_are_fine || r->launch_fds.size % sizeof(int32_t) != 0 || r->log_max_files == 0 || r->ended.count == 0)
    return -EINVAL;
  *request = *r;
  return 0;
}
