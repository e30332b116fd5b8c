/* init_check_plan() on any bytes, and the decoder on any bytes as a host stage: refused or not, nothing is read beyond. */
#include <stdlib.h>

#include "init_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static void touch_bytes(struct wire_bytes bytes) {
  for (uint32_t i = 0; i < bytes.size; i++) sum += bytes.data[i];
}

static void touch_list(struct wire_strings list) {
  const char *string = list.first;
  for (uint32_t i = 0; i < list.count; i++, string = wire_next(string)) sum += strlen(string);
}

/* Uses what a handler would use, as it would: strings up to their NUL, lists item by item. */
static void touch(const struct plan_record *r) {
  switch (r->op) {
  case PLAN_CREATE_CGROUP:
    sum += strlen(r->create_cgroup.mount) + strlen(r->create_cgroup.path);
    touch_list(r->create_cgroup.controllers);
    break;
  case PLAN_WRITE_CGROUP: sum += strlen(r->write_cgroup.file) + strlen(r->write_cgroup.value); break;
  case PLAN_ATTACH_DEVICE_PROGRAM: touch_bytes(r->attach_device_program.program); break;
  case PLAN_WRITE_ID_MAP: sum += strlen(r->write_id_map.content) + strlen(r->write_id_map.helper); break;
  case PLAN_MOUNT_AT:
    sum += strlen(r->mount_at.type) + strlen(r->mount_at.source) + strlen(r->mount_at.destination);
    touch_list(r->mount_at.options);
    break;
  case PLAN_REMOUNT_AT: sum += strlen(r->remount_at.destination) + r->remount_at.options.count; break;
  case PLAN_BIND_AT: sum += strlen(r->bind_at.source) + strlen(r->bind_at.destination); break;
  case PLAN_RUN_HOOK:
    touch_list(r->run_hook.args);
    touch_list(r->run_hook.env);
    break;
  case PLAN_SET_USER: touch_bytes(r->set_user.groups); break;
  case PLAN_LOAD_SECCOMP: touch_bytes(r->load_seccomp.program); break;
  case PLAN_EXEC:
    touch_list(r->exec.args);
    touch_list(r->exec.env);
    break;
  default: break;
  }
}

static void decode_all(const uint8_t *at, const uint8_t *end) {
  struct plan_record record;
  while (at < end && plan_decode(&at, end, &record) == 0) touch(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* A copy of exactly this size, so that the sanitizer sees the first byte too many. */
  uint8_t *copy = malloc(size > 0 ? size : 1);
  if (copy == NULL) return 0;
  if (size > 0) memcpy(copy, data, size);
  decode_all(copy, copy + size);

  /* With this build's hash, which no fuzzer finds. */
  const uint64_t hash = PLAN_HASH;
  if (size >= sizeof hash) memcpy(copy, &hash, sizeof hash);
  struct plan_stages stages;
  uint32_t index;
  if (init_check_plan(copy, size, &stages, &index) == 0) {
    if (stages.join > stages.init || stages.init > stages.end || stages.end != copy + size) abort();
    decode_all(stages.join, stages.init);
    decode_all(stages.init, stages.end);
  }
  free(copy);
  return 0;
}
