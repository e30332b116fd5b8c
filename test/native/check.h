/* What a test in C needs: it says where an expectation failed, with both values, and ends. */
#ifndef UTSUWA_TEST_CHECK_H
#define UTSUWA_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK_EQUAL(actual, expected)                                                                                  \
  do {                                                                                                                 \
    long long actual_ = (long long)(actual), expected_ = (long long)(expected);                                        \
    if (actual_ != expected_) {                                                                                        \
      fprintf(stderr, "%s:%d: %s is %lld, expected %s (%lld)\n", __FILE__, __LINE__, #actual, actual_, #expected,      \
              expected_);                                                                                              \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                    \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#endif
