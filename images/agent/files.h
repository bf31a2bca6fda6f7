/* The worker for files: one process a connection, forked from the agent, blocking, one request at a time.
 * What is said on the connection is in FILES.md. */
#ifndef FILES_H
#define FILES_H

#include "agent.h"
#include <limits.h>
#include <sys/stat.h>

/* Requests below 64, answers above. */
enum files_type {
    FILES_STAT = 1, FILES_READ, FILES_READ_LINES, FILES_WRITE, FILES_DATA, FILES_END, FILES_ABORT, FILES_DELETE, FILES_MOVE,
    FILES_MKDIR, FILES_FOLDER, FILES_LINK,
    FILES_LIST = 20, FILES_SEARCH,
    FILES_INFO = 65, FILES_CHUNK, FILES_DONE, FILES_FAIL, FILES_ITEM,
};

/* Fields of all requests that have them; further ones of a request start at 16. */
enum files_tag { TAG_PATH = 1 };

struct files_connection {
    int fd;
    uint64_t id;               /* of the request that is being answered */
    bool gone;                 /* the other side has left: nothing more can be sent, and nobody waits */
    unsigned char *in;         /* received, not handled yet */
    size_t in_start, in_end;
    struct buffer out;         /* answers that are sent when it fills and when the request is done */
    size_t frame;              /* where the answer that is being put together begins */
    unsigned ticks;
};

/* ---- files.c: the table, frames in and answers out */

int files_serve(int fd);
/* The next frame; false when the connection has ended or is broken. The frame before is overwritten. */
bool files_next(struct files_connection *c, struct frame *frame);
/* Puts one answer together: the buffer is for put_field and put_field_number. At most 64 KiB of fields. */
struct buffer *answer_begin(struct files_connection *c, enum files_type type);
void answer_end(struct files_connection *c);
/* Sends what was put together so far. False: the other side has left. */
bool answer_flush(struct files_connection *c);
/* Sends bytes as CHUNK frames, at once. */
bool send_chunk(struct files_connection *c, const void *bytes, size_t length);
/* DONE without fields. */
void send_done(struct files_connection *c);
/* FAIL: the request's last answer. `path` and `message` may be NULL. */
void send_fail(struct files_connection *c, int error, const char *path, const char *message);
/* The name of an error number, such as ENOENT. */
const char *error_name(int error);
/* For loops without answers: asks the kernel every 64th time whether the other side has left. */
bool is_cancelled(struct files_connection *c);

/* ---- files_fields.c: what a request says */

/* The first field with this tag. */
bool request_field(const struct frame *request, uint8_t tag, struct field *field);
/* The n-th field with this tag, from 0 on. */
bool request_field_nth(const struct frame *request, uint8_t tag, size_t nth, struct field *field);
/* A number of 1, 2, 4 or 8 bytes; `otherwise` where it is absent or has another width. */
uint64_t request_number(const struct frame *request, uint8_t tag, uint64_t otherwise);
bool request_flag(const struct frame *request, uint8_t tag);
/* A path with `~` made out; relative ones start where commands start. False: FAIL was sent. */
bool request_path(struct files_connection *c, const struct frame *request, uint8_t tag, char path[PATH_MAX]);

/* Makes the folders above a path. False with errno. */
bool make_parents(char *path);

/* ---- files_stat.c */

/* INFO's fields about a file; `real` (the path without links) and `target` (of a link) may be NULL. */
void put_info(struct buffer *b, const struct stat *st, const char *real, const char *target);
/* Opens a regular file for reading, never anything else; -1 and FAIL sent where it cannot be. */
int open_regular(struct files_connection *c, const char *path, struct stat *st);
/* What a file that is not regular is, as a clause: `is a FIFO`; NULL for a regular one. */
const char *what_kind(mode_t mode);

#endif
