/* Copying a string into an array: whole or not at all. */
#ifndef UTSUWA_TEXT_H
#define UTSUWA_TEXT_H

#include <errno.h>
#include <string.h>

/* 0, or -ENAMETOOLONG with `out` untouched. */
static inline int text_copy(char *out, size_t size, const char *text) {
  size_t length = strnlen(text, size);
  if (length == size) return -ENAMETOOLONG;
  memcpy(out, text, length + 1);
  return 0;
}

#endif
