/* Those who are attached to a container: frames in pieces, clients that do not read, and bytes that are none. */
#include "monitor_attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static struct attach attach;
static int theirs; /* the client's end */

static struct client *connect_client(void) {
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  attach_init(&attach, -1);
  attach.clients[3].fd = ends[0];
  theirs = ends[1];
  return &attach.clients[3];
}

static void disconnect(struct client *client) {
  if (client->fd >= 0) attach_drop(client);
  *client = (struct client){.fd = -1};
  attach.size = attach.input_size = 0;
  close(theirs);
}

/* Receives until there is nothing more, or something came of it. */
static struct attach_event receive(struct client *client) {
  struct attach_event event = {.kind = ATTACH_NOTHING};
  for (int i = 0; i < 100 && client->fd >= 0 && event.kind == ATTACH_NOTHING && attach.input_size == 0; i++)
    event = attach_receive(&attach, client);
  return event;
}

static void want(struct client *client, uint8_t what) {
  const uint8_t frame[] = {MONITOR_FRAME_ATTACH, 0, 1, 0, what};
  CHECK_EQUAL(write(theirs, frame, sizeof frame), sizeof frame);
  receive(client);
  uint8_t answer[sizeof frame];
  CHECK_EQUAL(read(theirs, answer, sizeof answer), sizeof answer);
  CHECK(memcmp(answer, frame, sizeof frame) == 0);
}

static void output_reaches_who_wants_it(void) {
  struct client *client = connect_client();
  attach_output(&attach, MONITOR_FRAME_OUTPUT, (const uint8_t *)"before", 6);
  CHECK(!attach_is_busy(&attach));
  want(client, ATTACH_OUTPUT);
  attach_output(&attach, MONITOR_FRAME_ERRORS, (const uint8_t *)"text", 4);
  CHECK(!attach_is_busy(&attach));
  uint8_t got[16];
  CHECK_EQUAL(read(theirs, got, sizeof got), 8);
  CHECK(memcmp(got, (const uint8_t[]){MONITOR_FRAME_ERRORS, 0, 4, 0, 't', 'e', 'x', 't'}, 8) == 0);
  disconnect(client);
}

static void who_does_not_read_is_dropped(void) {
  struct client *client = connect_client();
  want(client, ATTACH_OUTPUT);
  static uint8_t text[16384];
  while (!attach_is_busy(&attach)) attach_output(&attach, MONITOR_FRAME_OUTPUT, text, sizeof text);
  CHECK(attach_timeout(&attach) > 0);
  CHECK((attach_events(&attach, client) & POLLOUT) != 0);
  attach_send(&attach);
  CHECK(client->fd >= 0);
  attach.deadline_ms = 0;
  attach_send(&attach);
  CHECK(client->fd < 0 && !attach_is_busy(&attach));
  CHECK_EQUAL(attach_timeout(&attach), -1);
  disconnect(client);
}

static void a_frame_goes_on_where_it_was(void) {
  struct client *client = connect_client();
  want(client, ATTACH_OUTPUT);
  static uint8_t text[16384], got[16384 + FRAME_HEADER];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7);
  int frames = 1;
  for (; !attach_is_busy(&attach); frames++) attach_output(&attach, MONITOR_FRAME_OUTPUT, text, sizeof text);
  for (int i = 1; i < frames; i++) {
    for (size_t have = 0; have < sizeof got;) {
      attach_send(&attach);
      ssize_t size = recv(theirs, got + have, sizeof got - have, MSG_DONTWAIT);
      CHECK(size > 0);
      have += (size_t)size;
    }
    CHECK(got[0] == MONITOR_FRAME_OUTPUT && memcmp(got + FRAME_HEADER, text, sizeof text) == 0);
  }
  CHECK(!attach_is_busy(&attach));
  disconnect(client);
}

static void input_comes_in_pieces(void) {
  struct client *client = connect_client();
  want(client, ATTACH_INPUT);
  static uint8_t frame[FRAME_HEADER + 10000] = {MONITOR_FRAME_INPUT, 0, 10000 & 0xff, 10000 >> 8};
  for (size_t i = 0; i < 10000; i++) frame[FRAME_HEADER + i] = (uint8_t)(i * 3);
  CHECK_EQUAL(write(theirs, frame, 2), 2);
  receive(client);
  CHECK_EQUAL(write(theirs, frame + 2, sizeof frame - 2), sizeof frame - 2);
  size_t have = 0;
  while (have < 10000) {
    receive(client);
    CHECK(attach.input_size > 0 && attach.input_size <= INPUT_MAX);
    CHECK(memcmp(attach.input + attach.input_at, frame + FRAME_HEADER + have, attach.input_size) == 0);
    CHECK((attach_events(&attach, client) & POLLIN) == 0 || have + attach.input_size == 10000);
    have += attach.input_size;
    attach.input_size = 0;
  }
  const uint8_t end[] = {MONITOR_FRAME_INPUT_END, 0, 0, 0};
  CHECK_EQUAL(write(theirs, end, sizeof end), sizeof end);
  CHECK_EQUAL(receive(client).kind, ATTACH_INPUT_END);
  disconnect(client);
}

static void input_of_who_may_only_look_is_dropped(void) {
  struct client *client = connect_client();
  want(client, ATTACH_OUTPUT);
  const uint8_t frames[] = {MONITOR_FRAME_INPUT, 0, 1, 0, 'x', MONITOR_FRAME_RESIZE, 0, 4, 0, 80, 0, 24, 0};
  CHECK_EQUAL(write(theirs, frames, sizeof frames), sizeof frames);
  struct attach_event event = receive(client);
  CHECK_EQUAL(attach.input_size, 0);
  CHECK_EQUAL(event.kind, ATTACH_RESIZE);
  CHECK(event.columns == 80 && event.rows == 24);
  disconnect(client);
}

static void what_is_no_frame_ends_the_connection(void) {
  static const uint8_t bad[][FRAME_HEADER + 1] = {
      {MONITOR_FRAME_OUTPUT, 0, 0, 0}, {MONITOR_FRAME_EXIT, 0, 0, 0},      {99, 0, 0, 0},
      {MONITOR_FRAME_ATTACH, 0, 0, 0}, {MONITOR_FRAME_RESIZE, 0, 0, 0},    {MONITOR_FRAME_RESIZE, 0, 200, 0, 1},
      {MONITOR_FRAME_REOPEN, 0, 1, 0, 1}, {MONITOR_FRAME_ATTACH, 0, 255, 255, 1},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct client *client = connect_client();
    CHECK_EQUAL(write(theirs, bad[i], sizeof bad[i]), sizeof bad[i]);
    receive(client);
    CHECK(client->fd < 0);
    disconnect(client);
  }
}

static void random_bytes_do_no_harm(void) {
  srandom(1);
  for (int round = 0; round < 2000; round++) {
    struct client *client = connect_client();
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(random() % (i % FRAME_HEADER == 1 ? 256 : 9));
    CHECK_EQUAL(write(theirs, bytes, sizeof bytes), sizeof bytes);
    for (int i = 0; i < 100 && client->fd >= 0; i++) {
      attach_receive(&attach, client);
      attach.input_size = 0;
    }
    disconnect(client);
  }
}

int main(void) {
  output_reaches_who_wants_it();
  who_does_not_read_is_dropped();
  a_frame_goes_on_where_it_was();
  input_comes_in_pieces();
  input_of_who_may_only_look_is_dropped();
  what_is_no_frame_ends_the_connection();
  random_bytes_do_no_harm();
  return 0;
}
