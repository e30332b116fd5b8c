/*
 * Reading the wire format of src/util/wire.ts.
 *
 * Assumes: nothing about the bytes. Guarantees: no read outside [cursor, end); a decoded string ends in NUL and holds
 * no other, so strlen() of it is its length; a decoded list of strings can be walked with wire_next().
 * The generated decoders are made of these functions, so a record is checked once and then used without checks.
 */
#ifndef UTSUWA_WIRE_H
#define UTSUWA_WIRE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire format is little-endian, and so must the machine be"
#endif

struct wire_cursor {
  const uint8_t *at, *end;
};

struct wire_bytes {
  const uint8_t *data;
  uint32_t size;
};

struct wire_strings {
  uint32_t count;
  const char *first;
};

static inline size_t wire_left(const struct wire_cursor *c) { return (size_t)(c->end - c->at); }
static inline bool wire_at_end(const struct wire_cursor *c) { return c->at == c->end; }

static inline bool wire_fixed(struct wire_cursor *c, void *out, size_t size) {
  if (wire_left(c) < size) return false;
  memcpy(out, c->at, size);
  c->at += size;
  return true;
}

static inline bool wire_u32(struct wire_cursor *c, uint32_t *out) { return wire_fixed(c, out, 4); }
static inline bool wire_i32(struct wire_cursor *c, int32_t *out) { return wire_fixed(c, out, 4); }
static inline bool wire_u64(struct wire_cursor *c, uint64_t *out) { return wire_fixed(c, out, 8); }
static inline bool wire_i64(struct wire_cursor *c, int64_t *out) { return wire_fixed(c, out, 8); }

static inline bool wire_choice(struct wire_cursor *c, uint32_t choices, uint32_t *out) {
  return wire_u32(c, out) && *out < choices;
}

static inline bool wire_bytes(struct wire_cursor *c, struct wire_bytes *out) {
  if (!wire_u32(c, &out->size) || wire_left(c) < out->size) return false;
  out->data = c->at;
  c->at += out->size;
  return true;
}

static inline bool wire_string(struct wire_cursor *c, const char **out) {
  uint32_t length;
  if (!wire_u32(c, &length) || wire_left(c) <= length) return false;
  if (memchr(c->at, 0, (size_t)length + 1) != c->at + length) return false;
  *out = (const char *)c->at;
  c->at += (size_t)length + 1;
  return true;
}

static inline const char *wire_next(const char *string) { return string + strlen(string) + 1; }

static inline bool wire_strings(struct wire_cursor *c, struct wire_strings *out) {
  uint32_t size;
  if (!wire_u32(c, &out->count) || !wire_u32(c, &size) || wire_left(c) < size) return false;
  const uint8_t *end = c->at + size;
  out->first = (const char *)c->at;
  for (uint32_t i = 0; i < out->count; i++) {
    const uint8_t *nul = memchr(c->at, 0, (size_t)(end - c->at));
    if (nul == NULL) return false;
    c->at = nul + 1;
  }
  return c->at == end;
}

/* Enters the record at *cursor: checks its frame, moves *cursor behind it and gives its fields as `fields`. */
static inline bool wire_open(const uint8_t **cursor, const uint8_t *end, struct wire_cursor *fields, uint32_t *type) {
  struct wire_cursor c = {*cursor, end};
  uint32_t size;
  if (!wire_u32(&c, &size) || size < 8 || size > (size_t)(end - *cursor) || !wire_u32(&c, type)) return false;
  fields->at = c.at;
  fields->end = *cursor + size;
  *cursor = fields->end;
  return true;
}

#endif
