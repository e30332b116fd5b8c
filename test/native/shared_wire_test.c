/* wire.h: nothing is read beyond the end, and what is not well-formed is refused. */
#include "wire.h"

#include "check.h"

/* An exact allocation, so that AddressSanitizer sees the first byte read beyond it. */
static struct wire_cursor cursor_of(const void *bytes, size_t size) {
  uint8_t *copy = malloc(size > 0 ? size : 1);
  CHECK(copy != NULL);
  if (size > 0) memcpy(copy, bytes, size);
  return (struct wire_cursor){copy, copy + size};
}

static void release(struct wire_cursor c, size_t size) { free((uint8_t *)(uintptr_t)(c.end - size)); }

#define WITH(c, literal, ...)                                                                                          \
  do {                                                                                                                 \
    struct wire_cursor c = cursor_of(literal, sizeof(literal) - 1);                                                    \
    __VA_ARGS__;                                                                                                       \
    release(c, sizeof(literal) - 1);                                                                                   \
  } while (0)

static void numbers(void) {
  uint32_t u32;
  int32_t i32;
  uint64_t u64;
  int64_t i64;
  WITH(c, "\x04\x03\x02\x01\xfe\xff\xff\xff\x08\x07\x06\x05\x04\x03\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff", {
    CHECK(wire_u32(&c, &u32) && wire_i32(&c, &i32) && wire_u64(&c, &u64) && wire_i64(&c, &i64) && wire_at_end(&c));
    CHECK_EQUAL(u32, 0x01020304);
    CHECK_EQUAL(i32, -2);
    CHECK_EQUAL(u64, 0x0102030405060708);
    CHECK_EQUAL(i64, -1);
    CHECK(!wire_u32(&c, &u32));
  });
  WITH(c, "\1\0\0", CHECK(!wire_u32(&c, &u32)));
  WITH(c, "\1\0\0\0\0\0\0", CHECK(!wire_u64(&c, &u64)));
}

static void choices(void) {
  uint32_t value;
  WITH(c, "\2\0\0\0", CHECK(wire_choice(&c, 3, &value) && value == 2));
  WITH(c, "\3\0\0\0", CHECK(!wire_choice(&c, 3, &value)));
  WITH(c, "\xff\xff\xff\xff", CHECK(!wire_choice(&c, 3, &value)));
}

static void strings(void) {
  const char *string;
  WITH(c, "\3\0\0\0abc\0", CHECK(wire_string(&c, &string) && strcmp(string, "abc") == 0 && wire_at_end(&c)));
  WITH(c, "\0\0\0\0\0", CHECK(wire_string(&c, &string) && string[0] == '\0'));
  WITH(c, "\3\0\0\0abc", CHECK(!wire_string(&c, &string)));      /* no NUL before the end */
  WITH(c, "\3\0\0\0abcd\0", CHECK(!wire_string(&c, &string)));   /* none where the length puts it */
  WITH(c, "\3\0\0\0a\0c\0", CHECK(!wire_string(&c, &string)));   /* one inside */
  WITH(c, "\xff\xff\xff\xff\0", CHECK(!wire_string(&c, &string))); /* length + 1 wraps around */
  WITH(c, "\1\0\0", CHECK(!wire_string(&c, &string)));
}

static void bytes(void) {
  struct wire_bytes value;
  WITH(c, "\2\0\0\0\0\1", CHECK(wire_bytes(&c, &value) && value.size == 2 && value.data[1] == 1));
  WITH(c, "\0\0\0\0", CHECK(wire_bytes(&c, &value) && value.size == 0));
  WITH(c, "\3\0\0\0\0\1", CHECK(!wire_bytes(&c, &value)));
  WITH(c, "\xff\xff\xff\xff\0", CHECK(!wire_bytes(&c, &value)));
}

static void lists(void) {
  struct wire_strings list;
  WITH(c, "\3\0\0\0\6\0\0\0a\0\0bc\0", {
    CHECK(wire_strings(&c, &list) && list.count == 3 && wire_at_end(&c));
    const char *second = wire_next(list.first), *third = wire_next(second);
    CHECK(strcmp(list.first, "a") == 0 && second[0] == '\0' && strcmp(third, "bc") == 0);
  });
  WITH(c, "\0\0\0\0\0\0\0\0", CHECK(wire_strings(&c, &list) && list.count == 0));
  WITH(c, "\2\0\0\0\2\0\0\0a\0", CHECK(!wire_strings(&c, &list)));       /* fewer than promised */
  WITH(c, "\1\0\0\0\4\0\0\0a\0b\0", CHECK(!wire_strings(&c, &list)));    /* more than promised */
  WITH(c, "\1\0\0\0\1\0\0\0a", CHECK(!wire_strings(&c, &list)));         /* no NUL */
  WITH(c, "\1\0\0\0\2\0\0\0ab\0", CHECK(!wire_strings(&c, &list)));      /* it lies behind the list */
  WITH(c, "\1\0\0\0\x09\0\0\0a\0", CHECK(!wire_strings(&c, &list)));
  WITH(c, "\xff\xff\xff\xff\0\0\0\0", CHECK(!wire_strings(&c, &list)));
}

static void records(void) {
  struct wire_cursor fields;
  uint32_t type;
  WITH(c, "\x0c\0\0\0\7\0\0\0\1\2\3\4next", {
    const uint8_t *at = c.at;
    CHECK(wire_open(&at, c.end, &fields, &type));
    CHECK_EQUAL(type, 7);
    CHECK_EQUAL(wire_left(&fields), 4);
    CHECK_EQUAL(at - c.at, 12);
  });
  static const struct {
    const char *bytes;
    size_t size;
  } broken[] = {
      {"", 0},
      {"\x08\0\0", 3},
      {"\x08\0\0\0\1\0\0", 7},                  /* ends inside the header */
      {"\x07\0\0\0\1\0\0\0", 8},                /* smaller than its header */
      {"\0\0\0\0\1\0\0\0", 8},                  /* would never end */
      {"\x09\0\0\0\1\0\0\0", 8},                /* larger than what is left */
      {"\xff\xff\xff\xff\1\0\0\0", 8},
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    struct wire_cursor c = cursor_of(broken[i].bytes, broken[i].size);
    const uint8_t *at = c.at;
    CHECK(!wire_open(&at, c.end, &fields, &type));
    CHECK(at == c.at);
    release(c, broken[i].size);
  }
}

int main(void) {
  numbers();
  choices();
  strings();
  bytes();
  lists();
  records();
  return 0;
}
