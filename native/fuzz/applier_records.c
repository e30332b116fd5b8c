/* The decoder of the applier's records on any bytes: it may refuse them, and must not read beyond them. */
#include <stdlib.h>
#include <string.h>

#include "applier_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sum;

static void touch(struct wire_bytes bytes) {
  for (uint32_t i = 0; i < bytes.size; i++) sum = (uint8_t)(sum + bytes.data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* A copy of exactly this size, so that the sanitizer sees the first byte too many. */
  uint8_t *copy = malloc(size > 0 ? size : 1);
  if (copy == NULL) return 0;
  memcpy(copy, data, size);
  const uint8_t *at = copy;
  struct applier_record record;
  while (at < copy + size && applier_decode(&at, copy + size, &record) == 0) {
    switch (record.op) {
    case APPLIER_SYMLINK:
      touch(record.symlink.path);
      touch(record.symlink.target);
      break;
    case APPLIER_ATTRIBUTE:
      touch(record.attribute.value);
      sum = (uint8_t)(sum + strlen(record.attribute.name));
      break;
    case APPLIER_FILE:
      touch(record.file.path);
      break;
    case APPLIER_NODE:
      if (record.node.kind > APPLIER_NODE_KIND_FIFO) abort();
      break;
    default:
      break;
    }
  }
  free(copy);
  return 0;
}
