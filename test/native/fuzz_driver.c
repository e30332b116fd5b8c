/*
 * Runs a libFuzzer target without libFuzzer, for machines whose clang has none.
 *
 * Every file of the given directories is tried as it is; then random changes of them (of nothing, where there are
 * none) until the time is over. It knows nothing of coverage, so it finds less; the sanitizers find the same errors.
 * Understands libFuzzer's -max_total_time and -seed and ignores its other options.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_INPUTS = 1024, MAX_SIZE = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct input {
  uint8_t *data;
  size_t size;
} inputs[MAX_INPUTS];
static size_t input_count;

static void load_file(const char *path)
{
  FILE *file = fopen(path, "rb");
  if (!file || input_count == MAX_INPUTS)
    return;
  struct input *input = &inputs[input_count];
  input->data = malloc(MAX_SIZE);
  input->size = fread(input->data, 1, MAX_SIZE, file);
  fclose(file);
  LLVMFuzzerTestOneInput(input->data, input->size);
  input_count++;
}

static void load_directory(const char *path)
{
  DIR *directory = opendir(path);
  if (!directory)
    return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    char file[4096];
    if (entry->d_type == DT_REG && snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file)
      load_file(file);
  }
  closedir(directory);
}

/* An exact allocation each time, so that AddressSanitizer sees the first byte read beyond the input. */
static void try_changed(const struct input *input)
{
  size_t size = input->size ? input->size : (size_t)(rand() % 256);
  if (rand() % 4 == 0)
    size = (size_t)rand() % (size + 16);
  uint8_t *data = malloc(size ? size : 1);
  for (size_t i = 0; i < size; i++)
    data[i] = i < input->size ? input->data[i] : (uint8_t)rand();
  static const uint8_t edges[] = {0, 1, 2, 4, 8, 16, 0x7f, 0x80, 0xff};
  for (int changes = rand() % 8; size && changes >= 0; changes--)
    data[(size_t)rand() % size] = rand() % 2 ? (uint8_t)rand() : edges[(size_t)rand() % sizeof edges];
  LLVMFuzzerTestOneInput(data, size);
  free(data);
}

int main(int argc, char **argv)
{
  long seconds = 10, seed = 1;
  for (int i = 1; i < argc; i++) {
    if (!strncmp(argv[i], "-max_total_time=", 16))
      seconds = strtol(argv[i] + 16, NULL, 10);
    else if (!strncmp(argv[i], "-seed=", 6))
      seed = strtol(argv[i] + 6, NULL, 10);
    else if (argv[i][0] != '-')
      load_directory(argv[i]);
  }
  srand((unsigned)seed);
  const struct input nothing = {NULL, 0};
  unsigned long runs = 0;
  for (time_t end = time(NULL) + seconds; time(NULL) < end; runs++)
    try_changed(input_count ? &inputs[(size_t)rand() % input_count] : &nothing);
  printf("%lu runs from %zu inputs\n", runs, input_count);
  return 0;
}
