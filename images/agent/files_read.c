/* A range of a file's bytes. */
#include "files_requests.h"
#include <stdlib.h>
#include <unistd.h>

enum { TAG_OFFSET = 16, TAG_LENGTH, HEAD = 4096 };

/* INFO with the file's first bytes, by which its kind is told. Files of /proc have a size of 0 and are read all the same. */
void put_file_info(struct files_connection *c, int fd, const struct stat *st)
{
    unsigned char head[HEAD];
    ssize_t got = pread(fd, head, sizeof head, 0);
    struct buffer *b = answer_begin(c, FILES_INFO);
    put_info(b, st, NULL, NULL);
    put_field(b, 11, head, got > 0 ? (size_t)got : 0);
    answer_end(c);
}

/* Answers what was sent, or -1 with errno. */
static int64_t send_range(struct files_connection *c, int fd, uint64_t offset, uint64_t length)
{
    static unsigned char bytes[MAX_PAYLOAD];
    uint64_t sent = 0;
    while (sent < length && !c->gone) {
        size_t part = length - sent < sizeof bytes ? (size_t)(length - sent) : sizeof bytes;
        ssize_t got = pread(fd, bytes, part, (off_t)(offset + sent));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        send_chunk(c, bytes, (size_t)got);
        sent += (uint64_t)got;
    }
    return (int64_t)sent;
}

void files_read(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX];
    struct stat st;
    if (!request_path(c, request, TAG_PATH, path))
        return;
    uint64_t offset = request_number(request, TAG_OFFSET, 0);
    uint64_t length = request_number(request, TAG_LENGTH, INT64_MAX);
    if (offset > INT64_MAX - MAX_PAYLOAD || length > INT64_MAX - offset)
        length = offset > INT64_MAX - MAX_PAYLOAD ? 0 : INT64_MAX - offset;
    int fd = open_regular(c, path, &st);
    if (fd < 0)
        return;
    put_file_info(c, fd, &st);
    int64_t sent = send_range(c, fd, offset, length);
    int error = errno;
    close(fd);
    if (sent < 0) {
        send_fail(c, error, path, NULL);
        return;
    }
    put_field_number(answer_begin(c, FILES_DONE), 1, (uint64_t)sent, 8);
    answer_end(c);
}
