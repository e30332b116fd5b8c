/*
 * The Node-API face of libutsuwa: converts arguments, calls one function, gives back its number.
 *
 * Assumes: nothing is decided here; every rule lives in libutsuwa or in TypeScript. Two things are its own: watch(), a
 * libuv poll handle on a descriptor, which costs no thread and survives any number of them; and that launch() and
 * syncfs(), which wait for the kernel and the disk, do so in the thread pool.
 * An argument of the wrong type is a bug of src/sys/ffi.ts and becomes −EINVAL.
 */
#include <errno.h>
#include <limits.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "libutsuwa.h"

#define ARGS_MAX 7

struct args {
  napi_env env;
  napi_value values[ARGS_MAX];
  size_t count;
  bool wrong;
};

static struct args read_args(napi_env env, napi_callback_info info) {
  struct args args = {.env = env, .count = ARGS_MAX};
  args.wrong = napi_get_cb_info(env, info, &args.count, args.values, NULL, NULL) != napi_ok;
  return args;
}

static int64_t number(struct args *args, size_t index) {
  int64_t value = 0;
  if (napi_get_value_int64(args->env, args->values[index], &value) != napi_ok) args->wrong = true;
  return value;
}

static int32_t integer(struct args *args, size_t index) { return (int32_t)number(args, index); }

/* The bytes of a Buffer or another view; NULL for null. */
static void *bytes(struct args *args, size_t index, size_t *size) {
  void *data = NULL;
  bool is_buffer = false;
  *size = 0;
  napi_valuetype type;
  if (napi_typeof(args->env, args->values[index], &type) == napi_ok && type == napi_null) return NULL;
  if (napi_is_buffer(args->env, args->values[index], &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(args->env, args->values[index], &data, size) != napi_ok)
    args->wrong = true;
  return data;
}

struct text {
  char data[PATH_MAX];
};

static const char *string(struct args *args, size_t index, struct text *text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(args->env, args->values[index], text->data, sizeof text->data, &length) != napi_ok ||
      length >= sizeof text->data - 1 || memchr(text->data, 0, length) != NULL)
    args->wrong = true;
  return text->data;
}

static napi_value give(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

/* Calls `expression` unless an argument was wrong. */
#define FUNCTION(name, declarations, expression)                                                                       \
  static napi_value call_##name(napi_env env, napi_callback_info info) {                                               \
    struct args args = read_args(env, info);                                                                           \
    declarations;                                                                                                      \
    return give(env, args.wrong ? -EINVAL : (expression));                                                             \
  }

FUNCTION(set_up_cgroup, size_t size; size_t result_size; const uint8_t *operations = bytes(&args, 0, &size);
         struct utsuwa_launch_result *result = bytes(&args, 1, &result_size);
         args.wrong = args.wrong || result_size < sizeof *result || operations == NULL,
         utsuwa_set_up_cgroup(operations, size, result))

FUNCTION(sealed_memfd, struct text name; size_t size; string(&args, 0, &name);
         const uint8_t *data = bytes(&args, 1, &size), utsuwa_sealed_memfd(name.data, data, size))

FUNCTION(openat2, struct text path; int32_t dir = integer(&args, 0); string(&args, 1, &path);
         uint64_t flags = (uint64_t)number(&args, 2); uint64_t mode = (uint64_t)number(&args, 3);
         uint64_t resolve = (uint64_t)number(&args, 4), utsuwa_openat2(dir, path.data, flags, mode, resolve))

FUNCTION(flock, int32_t fd = integer(&args, 0); int32_t operation = integer(&args, 1), utsuwa_flock(fd, operation))

FUNCTION(open_tree, struct text path; int32_t dir = integer(&args, 0); string(&args, 1, &path);
         uint32_t flags = (uint32_t)number(&args, 2), utsuwa_open_tree(dir, path.data, flags))

FUNCTION(move_mount, struct text path; int32_t mount = integer(&args, 0); string(&args, 1, &path),
         utsuwa_move_mount(mount, path.data))

FUNCTION(mount_setattr, int32_t mount = integer(&args, 0); uint32_t flags = (uint32_t)number(&args, 1);
         uint64_t set = (uint64_t)number(&args, 2); uint64_t clear = (uint64_t)number(&args, 3);
         uint64_t propagation = (uint64_t)number(&args, 4); int32_t userns = integer(&args, 5),
         utsuwa_mount_setattr(mount, flags, set, clear, propagation, userns))

FUNCTION(user_namespace, struct text uid_map; struct text gid_map; string(&args, 0, &uid_map);
         string(&args, 1, &gid_map), utsuwa_user_namespace(uid_map.data, gid_map.data))

FUNCTION(fsopen, struct text type; string(&args, 0, &type), utsuwa_fsopen(type.data))

/* An empty key or value stands for NULL: no command takes an empty one. */
FUNCTION(fsconfig, struct text key; struct text value; int32_t fs = integer(&args, 0);
         uint32_t command = (uint32_t)integer(&args, 1); string(&args, 2, &key); string(&args, 3, &value);
         int32_t aux = integer(&args, 4),
         utsuwa_fsconfig(fs, command, key.data[0] ? key.data : NULL, value.data[0] ? value.data : NULL, aux))

FUNCTION(fsmount, int32_t fs = integer(&args, 0); uint32_t attributes = (uint32_t)number(&args, 1),
         utsuwa_fsmount(fs, attributes))

FUNCTION(mount, struct text source; struct text target; struct text type; struct text data; string(&args, 0, &source);
         string(&args, 1, &target); string(&args, 2, &type); uint64_t flags = (uint64_t)number(&args, 3);
         string(&args, 4, &data), utsuwa_mount(source.data, target.data, type.data, flags, data.data))

FUNCTION(umount2, struct text target; string(&args, 0, &target); int32_t flags = integer(&args, 1),
         utsuwa_umount2(target.data, flags))

FUNCTION(owner_of_namespace, int32_t fd = integer(&args, 0), utsuwa_owner_of_namespace(fd))
FUNCTION(pidfd_open, int32_t pid = integer(&args, 0), utsuwa_pidfd_open(pid))

FUNCTION(pidfd_send_signal, int32_t pidfd = integer(&args, 0); int32_t signal = integer(&args, 1),
         utsuwa_pidfd_send_signal(pidfd, signal))

FUNCTION(pidfd_wait, size_t size; int32_t pidfd = integer(&args, 0); struct utsuwa_exit *exit = bytes(&args, 1, &size);
         args.wrong = args.wrong || size < sizeof *exit, utsuwa_pidfd_wait(pidfd, exit))

FUNCTION(reap_group, int32_t group = integer(&args, 0), utsuwa_reap_group(group))

FUNCTION(socketpair, size_t size; int32_t type = integer(&args, 0); int32_t *fds = bytes(&args, 1, &size);
         args.wrong = args.wrong || size < 2 * sizeof *fds, utsuwa_socketpair(type, fds))

FUNCTION(pipe, size_t size; int32_t *fds = bytes(&args, 0, &size); args.wrong = args.wrong || size < 2 * sizeof *fds,
         utsuwa_pipe(fds))

FUNCTION(listen, struct text name; int32_t type = integer(&args, 0); int32_t dir = integer(&args, 1);
         string(&args, 2, &name), utsuwa_listen(type, dir, name.data))

FUNCTION(connect, struct text path; int32_t type = integer(&args, 0); string(&args, 1, &path),
         utsuwa_connect(type, path.data))

FUNCTION(route_socket, (void)0, utsuwa_route_socket())

FUNCTION(receive, size_t size; size_t fd_size; int32_t socket = integer(&args, 0);
         uint8_t *buffer = bytes(&args, 1, &size); int32_t *fd = bytes(&args, 2, &fd_size);
         args.wrong = args.wrong || fd_size < sizeof *fd, utsuwa_receive(socket, buffer, size, fd))

FUNCTION(send, size_t size; int32_t socket = integer(&args, 0); const uint8_t *data = bytes(&args, 1, &size);
         int32_t fd = integer(&args, 2), utsuwa_send(socket, data, size, fd))

FUNCTION(set_terminal_size, int32_t fd = integer(&args, 0); uint32_t columns = (uint32_t)integer(&args, 1);
         uint32_t rows = (uint32_t)integer(&args, 2), utsuwa_set_terminal_size(fd, columns, rows))
FUNCTION(keep_line_feeds, int32_t fd = integer(&args, 0), utsuwa_keep_line_feeds(fd))

FUNCTION(read_files, size_t fds_size; size_t results_size; size_t size; const int32_t *fds = bytes(&args, 0, &fds_size);
         int32_t *results = bytes(&args, 1, &results_size); uint8_t *buffer = bytes(&args, 2, &size);
         args.wrong = args.wrong || results_size < fds_size,
         utsuwa_read_files(fds, results, (uint32_t)(fds_size / sizeof *fds), buffer, size))

/* ── watch ── */

struct watch {
  uv_poll_t poll; /* first: a handle is its watch */
  napi_env env;
  napi_ref callback;
  napi_async_context context;
};

static void watch_closed(uv_handle_t *handle) { free(handle); }

/* The poll handle leaves epoll here, so the owner of the descriptor may close it as soon as this returned. */
static void end_watch(struct watch *watch) {
  if (uv_is_closing((uv_handle_t *)&watch->poll)) return;
  uv_poll_stop(&watch->poll);
  napi_delete_reference(watch->env, watch->callback);
  napi_async_destroy(watch->env, watch->context);
  uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

static void watch_ready(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct watch *watch = (struct watch *)poll;
  napi_env env = watch->env;
  napi_handle_scope scope;
  napi_value callback, receiver, error;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_get_reference_value(env, watch->callback, &callback);
  napi_get_global(env, &receiver);
  if (napi_make_callback(env, watch->context, receiver, callback, 0, NULL, NULL) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_close_handle_scope(env, scope);
}

/* watch(fd, callback): calls back whenever the descriptor is readable or hung up, until unwatch(what this returned). */
static napi_value call_watch(napi_env env, napi_callback_info info) {
  struct args args = read_args(env, info);
  int32_t fd = integer(&args, 0);
  uv_loop_t *loop = NULL;
  napi_value name, result;
  struct watch *watch = args.wrong ? NULL : calloc(1, sizeof *watch);
  if (watch == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok) goto failed;
  watch->env = env;
  int error = uv_poll_init(loop, &watch->poll, fd);
  if (error < 0) {
    free(watch);
    return give(env, error);
  }
  napi_create_string_utf8(env, "UTSUWA_WATCH", NAPI_AUTO_LENGTH, &name);
  napi_create_reference(env, args.values[1], 1, &watch->callback);
  napi_async_init(env, NULL, name, &watch->context);
  error = uv_poll_start(&watch->poll, UV_READABLE | UV_DISCONNECT, watch_ready);
  if (error < 0) {
    end_watch(watch);
    return give(env, error);
  }
  if (napi_create_external(env, watch, NULL, NULL, &result) == napi_ok) return result;
  end_watch(watch);
  return give(env, -ENOMEM);
failed:
  free(watch);
  return give(env, -EINVAL);
}

static napi_value call_unwatch(napi_env env, napi_callback_info info) {
  struct args args = read_args(env, info);
  void *watch = NULL;
  if (napi_get_value_external(env, args.values[0], &watch) != napi_ok) return give(env, -EINVAL);
  end_watch(watch);
  return give(env, 0);
}

/* ref(watch, 1) keeps the process alive for it, ref(watch, 0) does not. */
static napi_value call_ref(napi_env env, napi_callback_info info) {
  struct args args = read_args(env, info);
  void *watch = NULL;
  if (napi_get_value_external(env, args.values[0], &watch) != napi_ok) return give(env, -EINVAL);
  if (integer(&args, 1)) uv_ref(watch);
  else uv_unref(watch);
  return give(env, 0);
}

/* ── what blocks: in the thread pool ── */

#define KEPT_MAX 3

struct work {
  int64_t (*perform)(const struct work *work);
  int64_t result;
  napi_deferred deferred;
  napi_async_work handle;
  napi_ref kept[KEPT_MAX]; /* the buffers that `launch` points into */
  int32_t fd;
  struct utsuwa_sampling sampling;
  struct {
    const uint8_t *stage;
    const int32_t *fds;
    size_t stage_size, fds_size;
    uint32_t plan_fd;
    struct utsuwa_launch_result *result;
  } launch;
};

static void work_execute(napi_env env, void *data) {
  (void)env;
  struct work *work = data;
  work->result = work->perform(work);
}

static void work_free(napi_env env, struct work *work) {
  for (size_t i = 0; i < KEPT_MAX; i++)
    if (work->kept[i] != NULL) napi_delete_reference(env, work->kept[i]);
  free(work);
}

static void work_complete(napi_env env, napi_status status, void *data) {
  struct work *work = data;
  napi_resolve_deferred(env, work->deferred, give(env, status == napi_ok ? work->result : -ECANCELED));
  napi_delete_async_work(env, work->handle);
  work_free(env, work);
}

/* A promise of the number, or −errno; `work` is taken over. */
static napi_value work_begin(napi_env env, const char *label, struct work *work) {
  napi_value name, promise;
  if (napi_create_string_utf8(env, label, NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_promise(env, &work->deferred, &promise) == napi_ok &&
      napi_create_async_work(env, NULL, name, work_execute, work_complete, work, &work->handle) == napi_ok &&
      napi_queue_async_work(env, work->handle) == napi_ok)
    return promise;
  work_free(env, work);
  return give(env, -ENOMEM);
}

static int64_t perform_launch(const struct work *work) {
  return utsuwa_launch(work->launch.stage, work->launch.stage_size, work->launch.fds,
                       (uint32_t)(work->launch.fds_size / sizeof *work->launch.fds), work->launch.plan_fd,
                       work->launch.result);
}

/* launch(hostStage, fds, planFd, result): a promise of the number; the buffers must stay as they are until then. */
static napi_value call_launch(napi_env env, napi_callback_info info) {
  static const size_t buffers[KEPT_MAX] = {0, 1, 3};
  struct args args = read_args(env, info);
  struct work *work = calloc(1, sizeof *work);
  if (work == NULL) return give(env, -ENOMEM);
  size_t result_size;
  work->perform = perform_launch;
  work->launch.stage = bytes(&args, 0, &work->launch.stage_size);
  work->launch.fds = bytes(&args, 1, &work->launch.fds_size);
  work->launch.plan_fd = (uint32_t)integer(&args, 2);
  work->launch.result = bytes(&args, 3, &result_size);
  if (args.wrong || work->launch.stage == NULL || work->launch.fds == NULL || result_size < sizeof *work->launch.result) {
    free(work);
    return give(env, -EINVAL);
  }
  for (size_t i = 0; i < KEPT_MAX; i++) napi_create_reference(env, args.values[buffers[i]], 1, &work->kept[i]);
  return work_begin(env, "UTSUWA_LAUNCH", work);
}

static int64_t perform_sampling(const struct work *work) { return utsuwa_sample_files(&work->sampling); }

/*
 * sampleFiles(control, atNs, buffer, count, startNs, intervalNs, room): a promise of the number. `control` has the word
 * that stops it, then the descriptors, then room for their results; how many times there is room for in `atNs` is how often.
 */
static napi_value call_sample_files(napi_env env, napi_callback_info info) {
  static const size_t buffers[KEPT_MAX] = {0, 1, 2};
  struct args args = read_args(env, info);
  struct work *work = calloc(1, sizeof *work);
  if (work == NULL) return give(env, -ENOMEM);
  size_t control_size, at_size, size;
  int32_t *control = bytes(&args, 0, &control_size);
  uint64_t *at_ns = bytes(&args, 1, &at_size);
  uint8_t *buffer = bytes(&args, 2, &size);
  const uint32_t count = (uint32_t)integer(&args, 3);
  const uint32_t times = (uint32_t)(at_size / sizeof *at_ns);
  work->perform = perform_sampling;
  work->sampling = (struct utsuwa_sampling){
      .fds = control + 1,
      .results = control + 1 + count,
      .at_ns = at_ns,
      .count = count,
      .times = times,
      .start_ns = (uint64_t)number(&args, 4),
      .interval_ns = (uint64_t)number(&args, 5),
      .size = size,
      .room = (uint64_t)number(&args, 6),
      .buffer = buffer,
      .stop = control,
  };
  if (args.wrong || control == NULL || at_ns == NULL || buffer == NULL ||
      control_size / sizeof *control < 1 + (size_t)count * (1 + (size_t)times)) {
    free(work);
    return give(env, -EINVAL);
  }
  for (size_t i = 0; i < KEPT_MAX; i++) napi_create_reference(env, args.values[buffers[i]], 1, &work->kept[i]);
  return work_begin(env, "UTSUWA_SAMPLE", work);
}

static int64_t perform_syncfs(const struct work *work) { return utsuwa_syncfs(work->fd); }

/* syncfs(fd): a promise of the number. */
static napi_value call_syncfs(napi_env env, napi_callback_info info) {
  struct args args = read_args(env, info);
  int32_t fd = integer(&args, 0);
  struct work *work = args.wrong ? NULL : calloc(1, sizeof *work);
  if (work == NULL) return give(env, -EINVAL);
  work->perform = perform_syncfs;
  work->fd = fd;
  return work_begin(env, "UTSUWA_SYNCFS", work);
}

static napi_value call_plan_hash(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result = NULL;
  napi_create_bigint_uint64(env, utsuwa_plan_hash(), &result);
  return result;
}

#define EXPORT(js, name) {js, NULL, call_##name, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      EXPORT("launch", launch),
      EXPORT("setUpCgroup", set_up_cgroup),
      EXPORT("sealedMemfd", sealed_memfd),
      EXPORT("openat2", openat2),
      EXPORT("flock", flock),
      EXPORT("openTree", open_tree),
      EXPORT("moveMount", move_mount),
      EXPORT("mountSetattr", mount_setattr),
      EXPORT("userNamespace", user_namespace),
      EXPORT("fsopen", fsopen),
      EXPORT("fsconfig", fsconfig),
      EXPORT("fsmount", fsmount),
      EXPORT("mount", mount),
      EXPORT("umount2", umount2),
      EXPORT("ownerOfNamespace", owner_of_namespace),
      EXPORT("pidfdOpen", pidfd_open),
      EXPORT("pidfdSendSignal", pidfd_send_signal),
      EXPORT("pidfdWait", pidfd_wait),
      EXPORT("reapGroup", reap_group),
      EXPORT("socketpair", socketpair),
      EXPORT("pipe", pipe),
      EXPORT("listen", listen),
      EXPORT("connect", connect),
      EXPORT("routeSocket", route_socket),
      EXPORT("receive", receive),
      EXPORT("send", send),
      EXPORT("setTerminalSize", set_terminal_size),
      EXPORT("syncfs", syncfs),
      EXPORT("keepLineFeeds", keep_line_feeds),
      EXPORT("readFiles", read_files),
      EXPORT("sampleFiles", sample_files),
      EXPORT("watch", watch),
      EXPORT("unwatch", unwatch),
      EXPORT("ref", ref),
      EXPORT("planHash", plan_hash),
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
