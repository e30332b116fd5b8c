/* See report.h. */
#include "report.h"

#include <sys/socket.h>

#include "sys.h"

#define PARTS_MAX 3

int socket_send(int socket, const struct wire_bytes *parts, size_t count, int fd) {
  struct iovec vector[PARTS_MAX];
  for (size_t i = 0; i < count && i < PARTS_MAX; i++)
    vector[i] = (struct iovec){(void *)(uintptr_t)parts[i].data, parts[i].size};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = vector, .msg_iovlen = (int)count};
  if (fd >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control.space;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  }
  long result;
  do result = sys3(__NR_sendmsg, socket, SYS_PTR(&message), MSG_NOSIGNAL);
  while (result == -EINTR);
  return result < 0 ? (int)result : 0;
}

int report_send_bytes(int socket, enum plan_report kind, uint32_t index, int error, const struct wire_bytes *detail,
                      size_t count, int fd) {
  const struct {
    uint32_t kind, index;
    int32_t error;
  } head = {kind, index, error};
  struct wire_bytes parts[PARTS_MAX] = {{(const uint8_t *)&head, sizeof head}};
  for (size_t i = 0; i < count && i + 1 < PARTS_MAX; i++) parts[i + 1] = detail[i];
  return socket_send(socket, parts, count + 1, fd);
}

int report_send(int socket, enum plan_report kind, uint32_t index, int error, const char *detail, int fd) {
  const struct wire_bytes text = {(const uint8_t *)detail, (uint32_t)strnlen(detail, REPORT_DETAIL_MAX)};
  return report_send_bytes(socket, kind, index, error, &text, 1, fd);
}

ssize_t report_receive(int socket, void *buffer, size_t size) { return sys_read(socket, buffer, size); }
