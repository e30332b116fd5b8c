/*
 * The applier: writes the entries of one image layer into one directory.
 *
 * Everything it is told comes from a hostile archive. Three walls stand between that and the host: TypeScript refuses
 * names that are no plain relative paths; the applier resolves what is left with openat2(RESOLVE_IN_ROOT); and its own
 * root directory is the layer, in a mount namespace that holds nothing else (docs/adr/0004-unpack-confinement.md).
 */
#ifndef UTSUWA_APPLIER_TREE_H
#define UTSUWA_APPLIER_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "applier_records.h"

/* As the kernel's, with its NUL. */
#define APPLIER_PATH_MAX 4096
/* Of nested directories that are removed because an entry takes their place. */
#define APPLIER_REMOVE_DEPTH 1024

/* Where an entry goes: its parent directory is open, its last component is a plain name. */
struct tree {
  int root;
  int parent;
  /* The path that `parent` was resolved from; consecutive entries mostly share it. */
  char parent_path[APPLIER_PATH_MAX];
  /* Something was made or removed in `parent`: its mtime is wrong until it is left. */
  bool changed;
  /* Of the last entry. */
  char name[NAME_MAX + 1];
  /* Parent directories that may still be made of which no entry has told. */
  uint64_t implied_left;
  /* What was being done; tells a failure's story together with errno. */
  enum applier_step step;
};

struct ownership {
  uint32_t mode, uid, gid;
};

/* applier_serve.c: returns in the process of a layer, with its input, report and directory as descriptors 0, 1 and 3. */
void applier_serve(void);

/* applier_confine.c: from here on, "/" is the directory `layer_fd` and only the system calls of the functions below work. */
int applier_confine(int layer_fd);

void tree_open(struct tree *tree, int root, uint32_t implied_directories);
/* All from here on return 0 or a negative errno, and leave in tree->step what failed. */
int tree_directory(struct tree *tree, struct wire_bytes path, struct ownership owner, struct timespec mtime);
/* Gives a descriptor to write the content to; tree_finish_file() closes it. */
int tree_create_file(struct tree *tree, struct wire_bytes path);
int tree_finish_file(struct tree *tree, int fd, struct ownership owner, struct timespec mtime);
int tree_symlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target, struct ownership owner,
                 struct timespec mtime);
int tree_hardlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target);
int tree_node(struct tree *tree, struct wire_bytes path, struct ownership owner, struct timespec mtime, dev_t device);
int tree_whiteout(struct tree *tree, struct wire_bytes path);
int tree_opaque(struct tree *tree, struct wire_bytes path);
/* Of the entry that was made last. */
int tree_attribute(struct tree *tree, const char *name, struct wire_bytes value);
/* After the last entry. */
int tree_close(struct tree *tree);

#endif
