/* Maps and touches as many huge pages of 2 MiB as its argument says: "enough", or why not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE (2UL << 20)

int main(int argc, char **argv) {
  size_t count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  char *pages = mmap(NULL, count * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (pages == MAP_FAILED) {
    puts(strerror(errno));
    return 1;
  }
  for (size_t i = 0; i < count; i++) pages[i * PAGE_SIZE] = 1;
  puts("enough");
  return 0;
}
