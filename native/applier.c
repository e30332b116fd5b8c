/*
 * applier: makes layers of records. For each one, applier_serve.c starts a process; what follows is what that does: it
 * reads records from standard input and carries them out in the directory open as descriptor 3.
 *
 * On standard output it says how it ended, once: u32 record type (`end` for success), u32 step, u32 errno, and the path
 * it was about, up to the end of the stream. Prose is for those who read reports.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "applier_tree.h"
#include "sys.h"

#define LAYER_FD 3
/* Holds the largest record (an extended attribute of 64 KiB) many times. */
#define INPUT_SIZE (1U << 20)

struct input {
  uint8_t *buffer;
  const uint8_t *at, *end;
};

/* Reads more behind what is left. 0 at the end of the stream, which is an error unless `end` was seen. */
static ssize_t fill(struct input *in) {
  size_t left = (size_t)(in->end - in->at);
  if (left == INPUT_SIZE) return -EMSGSIZE;
  memmove(in->buffer, in->at, left);
  ssize_t got = sys_read(STDIN_FILENO, in->buffer + left, INPUT_SIZE - left);
  in->at = in->buffer;
  in->end = in->buffer + left + (got > 0 ? got : 0);
  return got;
}

static int next_record(struct input *in, struct applier_record *record) {
  for (;;) {
    uint32_t size = 0;
    size_t left = (size_t)(in->end - in->at);
    if (left >= sizeof size) memcpy(&size, in->at, sizeof size);
    if (size != 0 && left >= size) return applier_decode(&in->at, in->end, record);
    ssize_t got = fill(in);
    if (got <= 0) return got == 0 ? -EPIPE : (int)got;
  }
}

static int write_all(int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t written = sys_write(fd, data, size);
    if (written < 0) return (int)written;
    data += written;
    size -= (size_t)written;
  }
  return 0;
}

/* Moves `size` bytes of the stream into a file. */
static int copy_content(struct input *in, int fd, uint64_t size) {
  while (size > 0) {
    size_t left = (size_t)(in->end - in->at);
    if (left == 0) {
      ssize_t got = fill(in);
      if (got <= 0) return got == 0 ? -EPIPE : (int)got;
      continue;
    }
    size_t piece = left < size ? left : (size_t)size;
    int error = write_all(fd, in->at, piece);
    if (error < 0) return error;
    in->at += piece;
    size -= piece;
  }
  return 0;
}

static struct timespec time_of(int64_t seconds, uint32_t nanoseconds) {
  return (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
}

static int apply_file(struct tree *tree, struct input *in, const struct applier_file *file) {
  int fd = tree_create_file(tree, file->path);
  if (fd < 0) return fd;
  tree->step = APPLIER_STEP_WRITE;
  int error = copy_content(in, fd, file->size);
  if (error < 0) {
    close(fd);
    return error;
  }
  return tree_finish_file(tree, fd, (struct ownership){file->mode, file->uid, file->gid},
                          time_of(file->mtime_seconds, file->mtime_nanoseconds));
}

static int apply_node(struct tree *tree, const struct applier_node *node) {
  static const mode_t types[] = {[APPLIER_NODE_KIND_CHARACTER] = S_IFCHR,
                                 [APPLIER_NODE_KIND_BLOCK] = S_IFBLK,
                                 [APPLIER_NODE_KIND_FIFO] = S_IFIFO};
  const struct ownership owner = {types[node->kind] | (node->mode & 07777), node->uid, node->gid};
  return tree_node(tree, node->path, owner, time_of(node->mtime_seconds, node->mtime_nanoseconds),
                   makedev(node->major, node->minor));
}

/* The path that a failure of it, or of its attributes, is reported with; points into the input as the record does. */
static struct wire_bytes path_of(const struct applier_record *r) {
  switch (r->op) {
  case APPLIER_DIRECTORY: return r->directory.path;
  case APPLIER_FILE: return r->file.path;
  case APPLIER_SYMLINK: return r->symlink.path;
  case APPLIER_HARDLINK: return r->hardlink.path;
  case APPLIER_NODE: return r->node.path;
  case APPLIER_WHITEOUT: return r->whiteout.path;
  case APPLIER_OPAQUE: return r->opaque.path;
  case APPLIER_ATTRIBUTE:
  case APPLIER_BEGIN:
  case APPLIER_END: break;
  }
  return (struct wire_bytes){NULL, 0};
}

static int apply(struct tree *tree, struct input *in, const struct applier_record *r) {
  switch (r->op) {
  case APPLIER_BEGIN:
    tree->implied_left = r->begin.implied_directories;
    return r->begin.hash == APPLIER_HASH ? 0 : -EPROTO;
  case APPLIER_DIRECTORY:
    return tree_directory(tree, r->directory.path,
                          (struct ownership){r->directory.mode, r->directory.uid, r->directory.gid},
                          time_of(r->directory.mtime_seconds, r->directory.mtime_nanoseconds));
  case APPLIER_FILE: return apply_file(tree, in, &r->file);
  case APPLIER_SYMLINK:
    return tree_symlink(tree, r->symlink.path, r->symlink.target,
                        (struct ownership){0, r->symlink.uid, r->symlink.gid},
                        time_of(r->symlink.mtime_seconds, r->symlink.mtime_nanoseconds));
  case APPLIER_HARDLINK: return tree_hardlink(tree, r->hardlink.path, r->hardlink.target);
  case APPLIER_NODE: return apply_node(tree, &r->node);
  case APPLIER_WHITEOUT: return tree_whiteout(tree, r->whiteout.path);
  case APPLIER_OPAQUE: return tree_opaque(tree, r->opaque.path);
  case APPLIER_ATTRIBUTE: return tree_attribute(tree, r->attribute.name, r->attribute.value);
  case APPLIER_END: return tree_close(tree);
  }
  return -EPROTO;
}

static int report(uint32_t op, enum applier_step step, int error, struct wire_bytes path) {
  const uint32_t head[3] = {op, step, (uint32_t)-error};
  int failed = write_all(STDOUT_FILENO, (const uint8_t *)head, sizeof head);
  if (failed == 0 && path.size > 0) failed = write_all(STDOUT_FILENO, path.data, path.size);
  return failed == 0 && error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Writing a file's content moves the input, and with it the record's path; an attribute comes after that. */
static struct wire_bytes kept_path(struct wire_bytes path, uint8_t copy[APPLIER_PATH_MAX]) {
  if (path.size > APPLIER_PATH_MAX) path.size = APPLIER_PATH_MAX;
  if (path.size > 0) path.data = memcpy(copy, path.data, path.size);
  return path;
}

int main(void) {
  const struct wire_bytes none = {NULL, 0};
  umask(0);
  applier_serve();
  /* From here on, this is the process of one layer. As much room as a pipe may have keeps both its ends busy. */
  (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, INPUT_SIZE);
  struct input in = {.buffer = malloc(INPUT_SIZE)};
  in.at = in.end = in.buffer;
  int error = in.buffer == NULL ? -ENOMEM : applier_confine(LAYER_FD);
  if (error < 0) return report(APPLIER_BEGIN, APPLIER_STEP_CONFINE, error, none);
  int root = sys_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
  if (root < 0) return report(APPLIER_BEGIN, APPLIER_STEP_CONFINE, root, none);
  struct tree tree;
  tree_open(&tree, root, 0);

  uint8_t copy[APPLIER_PATH_MAX];
  struct wire_bytes path = none;
  for (bool begun = false;; begun = true) {
    struct applier_record record;
    error = next_record(&in, &record);
    if (error < 0) return report(APPLIER_BEGIN, APPLIER_STEP_READ, error, none);
    if (begun == (record.op == APPLIER_BEGIN)) return report(record.op, APPLIER_STEP_READ, -EPROTO, none);
    if (record.op != APPLIER_ATTRIBUTE) {
      path = kept_path(path_of(&record), copy);
      tree.implied_left++;
    }
    error = apply(&tree, &in, &record);
    if (error < 0 || record.op == APPLIER_END) return report(record.op, tree.step, error, path);
  }
}
