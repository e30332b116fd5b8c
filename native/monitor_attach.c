/*
 * See monitor_attach.h.
 *
 * Assumes: only root can connect (the socket's mode). Guarantees: no client makes the monitor wait, and of none more
 * than one frame is kept; what a client sends cannot make it read or write outside of its buffers.
 */
#include "monitor_attach.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sys.h"

/* How long a client may take nothing of the output before it is dropped. */
#define PATIENCE_MS 5000
/* Together with the header. Less than a socket's buffer, so that a client that has read everything has room for one. */
#define OUTPUT_MAX 32768

void attach_init(struct attach *attach, int listen_fd) {
  attach->listen_fd = listen_fd;
  for (size_t i = 0; i < CLIENTS_MAX; i++) attach->clients[i].fd = -1;
}

void attach_drop(struct client *client) {
  sys_close(client->fd);
  client->fd = -1;
}

void attach_accept(struct attach *attach) {
  int fd = (int)sys4(__NR_accept4, attach->listen_fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  for (size_t i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &attach->clients[i];
    if (client->fd >= 0) continue;
    *client = (struct client){.fd = fd};
    return;
  }
  sys_close(fd);
}

static void set_header(uint8_t *header, enum monitor_frame kind, size_t size) {
  header[0] = (uint8_t)kind;
  header[1] = 0;
  header[2] = (uint8_t)(size & 0xff);
  header[3] = (uint8_t)(size >> 8);
}

static bool is_behind(const struct attach *attach, const struct client *client) {
  return client->fd >= 0 && (client->wants & ATTACH_OUTPUT) != 0 && attach->size > 0 &&
         client->sent < FRAME_HEADER + attach->size;
}

bool attach_is_busy(const struct attach *attach) {
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if (is_behind(attach, &attach->clients[i])) return true;
  return false;
}

void attach_output(struct attach *attach, enum monitor_frame kind, const uint8_t *bytes, size_t size) {
  _Static_assert(INPUT_MAX < OUTPUT_MAX, "sizes are u16");
  set_header(attach->header, kind, size);
  attach->output = bytes;
  attach->size = size;
  attach->deadline_ms = sys_monotonic_ms() + PATIENCE_MS;
  for (size_t i = 0; i < CLIENTS_MAX; i++) attach->clients[i].sent = 0;
  attach_send(attach);
}

/* The parts of header and payload from `sent` on, in one message. Bytes that were taken, or −errno. */
static long send_from(int fd, const uint8_t *header, const uint8_t *bytes, size_t size, size_t sent) {
  size_t skipped = sent < FRAME_HEADER ? sent : FRAME_HEADER;
  struct iovec parts[2] = {
      {(uint8_t *)(uintptr_t)header + skipped, FRAME_HEADER - skipped},
      {(uint8_t *)(uintptr_t)bytes + (sent - skipped), size - (sent - skipped)},
  };
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  long result;
  do result = sys3(__NR_sendmsg, fd, SYS_PTR(&message), MSG_NOSIGNAL | MSG_DONTWAIT);
  while (result == -EINTR);
  return result;
}

void attach_send(struct attach *attach) {
  bool is_late = attach->size > 0 && sys_monotonic_ms() >= attach->deadline_ms;
  for (size_t i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &attach->clients[i];
    if (!is_behind(attach, client)) continue;
    long sent = send_from(client->fd, attach->header, attach->output, attach->size, client->sent);
    if (sent > 0) client->sent += (uint32_t)sent;
    else if (sent != -EAGAIN || is_late) attach_drop(client);
  }
  if (!attach_is_busy(attach)) attach->size = 0;
}

int attach_timeout(const struct attach *attach) {
  if (!attach_is_busy(attach)) return -1;
  int64_t left = attach->deadline_ms - sys_monotonic_ms();
  return left > 0 ? (int)left : 0;
}

void attach_tell(struct attach *attach, struct client *only, enum monitor_frame kind, const void *bytes, size_t size) {
  uint8_t header[FRAME_HEADER];
  set_header(header, kind, size);
  for (size_t i = 0; i < CLIENTS_MAX; i++) {
    struct client *client = &attach->clients[i];
    if (client->fd < 0 || (only != NULL && client != only)) continue;
    /* Not into the middle of another frame: the answer would be taken for output. */
    bool is_between = !is_behind(attach, client) || client->sent == 0;
    if (!is_between || send_from(client->fd, header, bytes, size, 0) != (long)(FRAME_HEADER + size)) attach_drop(client);
  }
}

short attach_events(const struct attach *attach, const struct client *client) {
  bool is_input = client->received >= FRAME_HEADER && client->header[0] == MONITOR_FRAME_INPUT;
  /* What cannot be passed on yet stays in the socket, where its sender waits for it to be taken. */
  short events = is_input && attach->input_size > 0 ? 0 : POLLIN;
  return is_behind(attach, client) ? (short)(events | POLLOUT) : events;
}

static struct attach_event finish_frame(struct attach *attach, struct client *client, size_t size) {
  struct attach_event event = {.kind = ATTACH_NOTHING};
  client->received = 0;
  switch (client->header[0]) {
  case MONITOR_FRAME_ATTACH:
    if (size != 1) break;
    client->wants = client->small[0];
    /* Of what is on its way just now, a newcomer gets nothing rather than half. */
    client->sent = (uint32_t)(FRAME_HEADER + attach->size);
    attach_tell(attach, client, MONITOR_FRAME_ATTACH, client->small, 1);
    return event;
  case MONITOR_FRAME_INPUT: return event;
  case MONITOR_FRAME_INPUT_END:
    if (size != 0) break;
    event.kind = ATTACH_INPUT_END;
    return event;
  case MONITOR_FRAME_RESIZE:
    if (size != 4) break;
    event.kind = ATTACH_RESIZE;
    memcpy(&event.columns, client->small, 2);
    memcpy(&event.rows, client->small + 2, 2);
    return event;
  case MONITOR_FRAME_REOPEN:
    if (size != 0) break;
    event.kind = ATTACH_REOPEN;
    return event;
  default: break;
  }
  attach_drop(client);
  return event;
}

struct attach_event attach_receive(struct attach *attach, struct client *client) {
  struct attach_event nothing = {.kind = ATTACH_NOTHING};
  bool has_header = client->received >= FRAME_HEADER;
  size_t size = has_header ? (size_t)(client->header[2] | client->header[3] << 8) : 0;
  size_t done = has_header ? client->received - FRAME_HEADER : client->received;
  bool is_input = has_header && client->header[0] == MONITOR_FRAME_INPUT;
  if (is_input && attach->input_size > 0) return nothing;
  if (has_header && !is_input && size > sizeof client->small) {
    attach_drop(client);
    return nothing;
  }
  uint8_t *target = !has_header ? client->header + done : is_input ? attach->input : client->small + done;
  size_t room = (has_header ? size : FRAME_HEADER) - done;
  if (is_input && room > INPUT_MAX) room = INPUT_MAX;
  long received;
  do received = sys6(__NR_recvfrom, client->fd, SYS_PTR(target), (long)room, MSG_DONTWAIT, 0, 0);
  while (received == -EINTR);
  if (received == -EAGAIN) return nothing;
  if (received <= 0) {
    attach_drop(client);
    return nothing;
  }
  client->received += (uint32_t)received;
  if (is_input && (client->wants & ATTACH_INPUT) != 0) {
    attach->input_at = 0;
    attach->input_size = (size_t)received;
  }
  if (client->received < FRAME_HEADER) return nothing;
  size = (size_t)(client->header[2] | client->header[3] << 8);
  if (client->received < FRAME_HEADER + size) return nothing;
  return finish_frame(attach, client, size);
}
