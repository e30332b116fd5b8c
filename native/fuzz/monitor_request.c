/* Fuzzes the request of a monitor: whatever the bytes, nothing outside of them is read, and what passes is usable. */
#include <stdlib.h>
#include <string.h>

#include "monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static void touch(struct wire_strings list) {
  const char *string = list.first;
  for (uint32_t i = 0; i < list.count; i++, string = wire_next(string)) sum += strlen(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* A copy of exactly this size, so that the sanitizer sees the first byte too many. */
  uint8_t *copy = malloc(size > 0 ? size : 1);
  if (copy == NULL) return 0;
  if (size > 0) memcpy(copy, data, size);
  /* With this build's hash, which no fuzzer finds: it is the first field of the record. */
  const uint64_t hash = MONITOR_HASH;
  if (size >= 8 + sizeof hash) memcpy(copy + 8, &hash, sizeof hash);
  struct monitor_begin request;
  if (monitor_read_request(copy, size, &request) == 0) {
    if (request.log_max_files == 0 || request.ended.count == 0) abort();
    for (uint32_t i = 0; i < request.launch_fds.size; i++) sum += request.launch_fds.data[i];
    sum += strlen(request.id) + strlen(request.log_name);
    touch(request.ended);
    touch(request.environment);
  }
  free(copy);
  return 0;
}
