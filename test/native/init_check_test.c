/*
 * init_check.c: a plan that breaks a rule is refused at the operation that breaks it, whatever its bytes are.
 *
 * Plans are built here record by record; the golden plans come from build/fuzz/corpus/init_plan, where the tests of
 * test/golden put them.
 */
#include "init_check.h"

#include <dirent.h>

#include "check.h"

struct plan {
  uint8_t bytes[8192];
  size_t size;
  size_t record; /* where the record being written starts */
  bool in_init;
};

static void put(struct plan *plan, const void *data, size_t size) {
  CHECK(plan->size + size <= sizeof plan->bytes);
  memcpy(plan->bytes + plan->size, data, size);
  plan->size += size;
  uint32_t record_size = (uint32_t)(plan->size - plan->record);
  memcpy(plan->bytes + plan->record, &record_size, sizeof record_size);
  uint32_t offset = plan->in_init ? offsetof(struct plan_file, init_size) : offsetof(struct plan_file, join_size), stage;
  memcpy(&stage, plan->bytes + offset, sizeof stage);
  stage += (uint32_t)size;
  memcpy(plan->bytes + offset, &stage, sizeof stage);
}

static void begin(struct plan *plan) {
  const struct plan_file file = {.hash = PLAN_HASH, .report_fd = 4};
  *plan = (struct plan){.size = sizeof file};
  memcpy(plan->bytes, &file, sizeof file);
}

static void put_u32(struct plan *plan, uint32_t value) { put(plan, &value, sizeof value); }

/* Fields that are all zero are valid: numbers, first choices, empty lists and bytes; an empty string needs its NUL. */
static void add(struct plan *plan, enum plan_op op) {
  plan->record = plan->size;
  plan->size += 4;
  uint32_t offset = plan->in_init ? offsetof(struct plan_file, init_size) : offsetof(struct plan_file, join_size), stage;
  memcpy(&stage, plan->bytes + offset, sizeof stage);
  stage += 4;
  memcpy(plan->bytes + offset, &stage, sizeof stage);
  put_u32(plan, op);
  /* How many bytes make an empty record is found by trying: the decoder takes exactly one size. */
  static const uint8_t zeros[128];
  for (size_t size = 0; size < sizeof zeros; size++) {
    struct plan_record record;
    uint8_t copy[256];
    size_t header = plan->size - plan->record;
    memcpy(copy, plan->bytes + plan->record, header);
    memset(copy + header, 0, size);
    uint32_t total = (uint32_t)(header + size);
    memcpy(copy, &total, sizeof total);
    const uint8_t *at = copy;
    if (plan_decode(&at, copy + total, &record) != 0) continue;
    put(plan, zeros, size);
    return;
  }
  CHECK(!"a record of zeros that decodes");
}

/* The operations of both stages, each list ended by 0, which is no operation. */
static void build(struct plan *plan, const enum plan_op *join, const enum plan_op *init) {
  begin(plan);
  for (; join != NULL && *join != 0; join++) add(plan, *join);
  plan->in_init = true;
  for (; *init != 0; init++) add(plan, *init);
}

static int check(const uint8_t *bytes, size_t size, uint32_t *index) {
  uint8_t *copy = malloc(size > 0 ? size : 1);
  CHECK(copy != NULL);
  memcpy(copy, bytes, size);
  struct plan_stages stages;
  int result = init_check_plan(copy, size, &stages, index);
  free(copy);
  return result;
}

#define OPS(...) ((const enum plan_op[]){__VA_ARGS__, 0})
#define ROOT PLAN_BIND_ROOTFS, PLAN_PIVOT_ROOT
#define IDENTITY PLAN_SET_BOUNDING_CAPABILITIES, PLAN_SET_USER

static void expect(int line, const enum plan_op *join, const enum plan_op *init, int result, uint32_t index) {
  struct plan plan;
  uint32_t at = 0;
  build(&plan, join, init);
  int actual = check(plan.bytes, plan.size, &at);
  if (actual == result && (result == 0 || at == index)) return;
  fprintf(stderr, "%s:%d: result %d at operation %u, expected %d at %u\n", __FILE__, line, actual, at, result, index);
  exit(1);
}

#define ACCEPTED(...) expect(__LINE__, NULL, OPS(__VA_ARGS__), 0, 0)
#define REFUSED(index, ...) expect(__LINE__, NULL, OPS(__VA_ARGS__), -EINVAL, index)

static void accepts_what_is_in_order(void) {
  ACCEPTED(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  ACCEPTED(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_SET_NO_NEW_PRIVS, PLAN_LOAD_SECCOMP, PLAN_EXEC);
  ACCEPTED(ROOT, IDENTITY, PLAN_LOAD_SECCOMP, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  ACCEPTED(PLAN_ATTACH_ROOTFS, PLAN_MOUNT_AT, PLAN_MAKE_DEVICE, PLAN_MOVE_ROOT, PLAN_CHANGE_DIRECTORY, IDENTITY,
           PLAN_FIND_EXECUTABLE, PLAN_WAIT_FOR_START, PLAN_SET_CAPABILITIES, PLAN_EXEC);
}

static void nothing_comes_before_the_root(void) {
  static const enum plan_op needs_root[] = {
      PLAN_MOUNT_AT,  PLAN_BIND_AT,       PLAN_MAKE_DEVICE,  PLAN_BIND_DEVICE, PLAN_MAKE_SYMLINK,
      PLAN_REMOUNT_AT, PLAN_MASK_PATH, PLAN_READONLY_PATH, PLAN_OPEN_CONSOLE, PLAN_PIVOT_ROOT,  PLAN_MOVE_ROOT,
      PLAN_SET_ROOT_PROPAGATION, PLAN_READONLY_ROOTFS,
  };
  for (size_t i = 0; i < sizeof needs_root / sizeof *needs_root; i++)
    REFUSED(1, PLAN_NEW_SESSION, needs_root[i], ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
}

static void there_is_one_root_and_one_pivot(void) {
  REFUSED(1, PLAN_BIND_ROOTFS, PLAN_BIND_ROOTFS, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(1, PLAN_BIND_ROOTFS, PLAN_ATTACH_ROOTFS, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_MOVE_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
}

static void mounts_by_host_path_end_with_the_pivot(void) {
  REFUSED(2, ROOT, PLAN_MOUNT_AT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_BIND_AT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_REMOUNT_AT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_BIND_DEVICE, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
}

static void paths_of_the_container_begin_with_it(void) {
  REFUSED(1, PLAN_BIND_ROOTFS, PLAN_CHANGE_DIRECTORY, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(1, PLAN_BIND_ROOTFS, PLAN_FIND_EXECUTABLE, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
}

static void privileges_go_in_order(void) {
  REFUSED(3, ROOT, PLAN_SET_USER, PLAN_SET_BOUNDING_CAPABILITIES, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_SET_CAPABILITIES, PLAN_SET_USER, PLAN_EXEC);
  REFUSED(4, ROOT, IDENTITY, PLAN_SET_NO_NEW_PRIVS, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(6, ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_SET_NO_NEW_PRIVS, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  REFUSED(2, ROOT, PLAN_LOAD_SECCOMP, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  /* without no_new_privs the filter takes CAP_SYS_ADMIN, which set_capabilities has dropped */
  REFUSED(5, ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_LOAD_SECCOMP, PLAN_EXEC);
  /* a filter first, and no_new_privs behind it: the filter would cover prctl(2) */
  REFUSED(6, ROOT, IDENTITY, PLAN_LOAD_SECCOMP, PLAN_SET_CAPABILITIES, PLAN_SET_NO_NEW_PRIVS, PLAN_EXEC);
}

static void exec_is_last_and_needs_all(void) {
  REFUSED(0, PLAN_EXEC);
  REFUSED(3, PLAN_BIND_ROOTFS, PLAN_SET_USER, PLAN_SET_CAPABILITIES, PLAN_EXEC);                        /* no pivot */
  REFUSED(2, ROOT, PLAN_EXEC);                                                                          /* no user */
  REFUSED(3, ROOT, PLAN_SET_USER, PLAN_EXEC);                                                           /* no capabilities */
  REFUSED(5, ROOT, PLAN_SET_USER, PLAN_SET_CAPABILITIES, PLAN_EXEC, PLAN_EXEC);                         /* two */
  REFUSED(5, ROOT, PLAN_SET_USER, PLAN_SET_CAPABILITIES, PLAN_EXEC, PLAN_SET_HOSTNAME);                 /* not last */
  REFUSED(4, ROOT, PLAN_SET_USER, PLAN_SET_CAPABILITIES);                                               /* none */
}

static void every_stage_has_its_own_operations(void) {
  static const enum plan_op host[] = {PLAN_CREATE_CGROUP, PLAN_OPEN_CGROUP, PLAN_WRITE_CGROUP,
                                      PLAN_ATTACH_DEVICE_PROGRAM, PLAN_CLONE, PLAN_WRITE_ID_MAP};
  static const enum plan_op join[] = {PLAN_JOIN_NAMESPACE, PLAN_JOIN_PROCESS, PLAN_UNSHARE, PLAN_SET_TIME_OFFSETS,
                                      PLAN_FORK};
  for (size_t i = 0; i < sizeof host / sizeof *host; i++) {
    REFUSED(0, host[i], ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
    expect(__LINE__, OPS(PLAN_FORK, host[i]), OPS(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), -EINVAL, 1);
  }
  for (size_t i = 0; i < sizeof join / sizeof *join; i++)
    REFUSED(0, join[i], ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  expect(__LINE__, OPS(PLAN_UNSHARE, PLAN_FORK, PLAN_NEW_SESSION),
         OPS(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), -EINVAL, 2);
  /* a barrier belongs to both: the process is moved to its cgroup between joining and unsharing namespaces */
  expect(__LINE__, OPS(PLAN_FORK, PLAN_BARRIER, PLAN_UNSHARE),
         OPS(PLAN_BARRIER, ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), 0, 0);
}

/* A mount namespace given by path has a root, but not the container's. */
static void a_joined_mount_namespace_gets_the_root(void) {
  const uint32_t kind = PLAN_NAMESPACE_KIND_MOUNT;
  uint32_t index = 0;
  const struct {
    const enum plan_op *init;
    int result;
  } cases[] = {
      {OPS(PLAN_BIND_ROOTFS, PLAN_MOUNT_AT, PLAN_PIVOT_ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), 0},
      {OPS(PLAN_MOUNT_AT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), -EINVAL},
      {OPS(IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), -EINVAL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct plan plan;
    begin(&plan);
    add(&plan, PLAN_JOIN_NAMESPACE);
    memcpy(plan.bytes + plan.record + 8, &kind, sizeof kind); /* size, number, kind */
    plan.in_init = true;
    for (const enum plan_op *op = cases[i].init; *op != 0; op++) add(&plan, *op);
    CHECK_EQUAL(check(plan.bytes, plan.size, &index), cases[i].result);
  }
}

/* join_process with CLONE_NEW* `flags`, then init's operations. */
static int check_join_process(uint64_t flags, const enum plan_op *init, uint32_t *index) {
  struct plan plan;
  begin(&plan);
  add(&plan, PLAN_JOIN_PROCESS);
  memcpy(plan.bytes + plan.record + 12, &flags, sizeof flags); /* size, number, pidfd, flags */
  plan.in_init = true;
  for (; *init != 0; init++) add(&plan, *init);
  return check(plan.bytes, plan.size, index);
}

static void joining_a_container_gives_its_root(void) {
  const uint64_t mounts = 0x20000, network = 0x40000000;
  const enum plan_op *run = OPS(PLAN_CHANGE_DIRECTORY, IDENTITY, PLAN_FIND_EXECUTABLE, PLAN_SET_CAPABILITIES, PLAN_EXEC);
  uint32_t index = 0;
  CHECK_EQUAL(check_join_process(mounts, run, &index), 0);
  CHECK_EQUAL(check_join_process(mounts, OPS(PLAN_OPEN_CONSOLE, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), &index), 0);
  CHECK_EQUAL(check_join_process(mounts, OPS(PLAN_BIND_AT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), &index), -EINVAL);
  CHECK_EQUAL(index, 1);
  CHECK_EQUAL(check_join_process(mounts, OPS(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC), &index), -EINVAL);
  CHECK_EQUAL(index, 1);
  /* without its mounts the root would still be the host's */
  CHECK_EQUAL(check_join_process(network, run, &index), -EINVAL);
  CHECK_EQUAL(index, 1);
}

static void another_builds_plan_is_refused(void) {
  struct plan plan;
  uint32_t index = 0;
  build(&plan, NULL, OPS(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC));
  for (size_t byte = 0; byte < sizeof(uint64_t); byte++) {
    plan.bytes[byte] ^= 1;
    CHECK_EQUAL(check(plan.bytes, plan.size, &index), -EPROTO);
    plan.bytes[byte] ^= 1;
  }
  CHECK_EQUAL(check(plan.bytes, plan.size, &index), 0);
}

/* Cut anywhere, or with a stage longer than it is, a plan is no plan. */
static void a_cut_plan_is_refused(const uint8_t *bytes, size_t size) {
  uint32_t index = 0;
  CHECK_EQUAL(check(bytes, size, &index), 0);
  for (size_t cut = 0; cut < size; cut++) CHECK_EQUAL(check(bytes, cut, &index), -EBADMSG);

  /* the same with a header that says the shorter size, so that the records themselves end too soon */
  uint8_t *copy = malloc(size);
  CHECK(copy != NULL);
  memcpy(copy, bytes, size);
  struct plan_file file;
  memcpy(&file, bytes, sizeof file);
  const uint32_t init_size = file.init_size;
  for (uint32_t left = 0; left < init_size; left++) {
    file.init_size = left;
    memcpy(copy, &file, sizeof file);
    int result = check(copy, sizeof file + file.join_size + left, &index);
    CHECK(result == -EBADMSG || result == -EINVAL); /* a cut between records leaves a plan without exec */
  }
  free(copy);
}

/* Every byte of the records changed to some others: refused or accepted, but never read out of bounds. */
static void a_changed_plan_does_no_harm(const uint8_t *bytes, size_t size) {
  static const uint8_t changes[] = {0x01, 0x80, 0xff};
  uint32_t index = 0;
  uint8_t *copy = malloc(size);
  CHECK(copy != NULL);
  memcpy(copy, bytes, size);
  for (size_t at = sizeof(uint64_t); at < size; at++)
    for (size_t i = 0; i < sizeof changes; i++) {
      copy[at] = bytes[at] ^ changes[i];
      int result = check(copy, size, &index);
      CHECK(result == 0 || result == -EBADMSG || result == -EINVAL);
      copy[at] = bytes[at];
    }
  free(copy);
}

static size_t golden_plans(void) {
  static const char folder[] = "build/fuzz/corpus/init_plan";
  size_t found = 0;
  DIR *directory = opendir(folder);
  if (directory == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char path[512];
    static uint8_t bytes[64 * 1024];
    if (strncmp(entry->d_name, "golden-plan-", 12) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    a_cut_plan_is_refused(bytes, size);
    a_changed_plan_does_no_harm(bytes, size);
    found++;
  }
  closedir(directory);
  return found;
}

int main(void) {
  accepts_what_is_in_order();
  nothing_comes_before_the_root();
  there_is_one_root_and_one_pivot();
  mounts_by_host_path_end_with_the_pivot();
  paths_of_the_container_begin_with_it();
  privileges_go_in_order();
  exec_is_last_and_needs_all();
  every_stage_has_its_own_operations();
  a_joined_mount_namespace_gets_the_root();
  joining_a_container_gives_its_root();
  another_builds_plan_is_refused();
  struct plan plan;
  build(&plan, OPS(PLAN_UNSHARE, PLAN_FORK), OPS(ROOT, IDENTITY, PLAN_SET_CAPABILITIES, PLAN_EXEC));
  a_cut_plan_is_refused(plan.bytes, plan.size);
  a_changed_plan_does_no_harm(plan.bytes, plan.size);
  if (golden_plans() > 0) return 0;
  fprintf(stderr, "no golden plans: the tests of test/golden write them, and `make check` runs those first\n");
  return 1;
}
