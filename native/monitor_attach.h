/*
 * Whoever is attached to a container: connections to `attach.sock` in its directory.
 *
 * Frames, in both directions: u8 kind (enum monitor_frame), u8 0, u16 length, and that many bytes.
 */
#ifndef UTSUWA_MONITOR_ATTACH_H
#define UTSUWA_MONITOR_ATTACH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor_request.h"

#define CLIENTS_MAX 16
#define ATTACH_OUTPUT 1
#define ATTACH_INPUT 2
#define FRAME_HEADER 4
#define INPUT_MAX 4096

struct client {
  int fd; /* −1: none */
  uint8_t wants; /* ATTACH_* */
  uint8_t header[FRAME_HEADER];
  uint8_t small[8]; /* of a frame that is not input */
  uint32_t received; /* of the frame: header, then payload */
  uint32_t sent; /* of the output that is on its way */
};

/* What came of a frame. */
struct attach_event {
  enum { ATTACH_NOTHING, ATTACH_RESIZE, ATTACH_REOPEN, ATTACH_INPUT_END } kind;
  uint16_t columns, rows;
};

struct attach {
  int listen_fd;
  struct client clients[CLIENTS_MAX];
  /* Output on its way to the clients; size 0: none. The bytes are the caller's. */
  uint8_t header[FRAME_HEADER];
  const uint8_t *output;
  size_t size;
  int64_t deadline_ms;
  /* Input on its way to the container. */
  uint8_t input[INPUT_MAX];
  size_t input_at, input_size;
};

void attach_init(struct attach *attach, int listen_fd);

/* Takes a connection. */
void attach_accept(struct attach *attach);

/* Bytes for those who want output. They must stay as they are until attach_is_busy() is false. */
void attach_output(struct attach *attach, enum monitor_frame kind, const uint8_t *bytes, size_t size);

/* Sends on. Clients that took nothing for some seconds are dropped: the container shall not wait for them. */
void attach_send(struct attach *attach);
bool attach_is_busy(const struct attach *attach);
/* Milliseconds until a client is dropped; −1 when nothing is on its way. */
int attach_timeout(const struct attach *attach);

/* Receives what there is of a frame. Input goes to attach->input, which must be empty. */
struct attach_event attach_receive(struct attach *attach, struct client *client);

/* poll(2) events that matter of a client now. */
short attach_events(const struct attach *attach, const struct client *client);

/* Answers one client, or with `client` NULL tells all. They are dropped if they have no room for it. */
void attach_tell(struct attach *attach, struct client *client, enum monitor_frame kind, const void *bytes, size_t size);

void attach_drop(struct client *client);

#endif
