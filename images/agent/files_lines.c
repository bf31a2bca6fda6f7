/* A range of a file's lines: the file is read to its end here, so that only what was asked for is sent. */
#include "files_requests.h"
#include <string.h>
#include <unistd.h>

enum { TAG_FROM = 16, TAG_COUNT, TAG_MOST, ENOUGH = 1 << 30 };

struct lines {
    uint64_t from, count, most;    /* first line, from 1; lines; bytes */
    uint64_t line;                 /* the one that is being read, from 1 */
    uint64_t sent, sent_lines;     /* bytes; lines that were sent to their end */
    uint64_t start, offset;        /* where what is sent begins; where reading is */
    bool cut, begun;
    unsigned char last;
};

static bool is_wanted(const struct lines *l) { return l->line >= l->from && l->line - l->from < l->count && !l->cut; }

/* Answers how many of a wanted piece's bytes are to be sent. */
static size_t want(struct lines *l, size_t length, bool ends)
{
    if (!l->begun)
        l->start = l->offset;
    l->begun = true;
    l->cut = length > l->most - l->sent;
    size_t part = l->cut ? (size_t)(l->most - l->sent) : length;
    l->sent += part;
    l->sent_lines += ends && !l->cut;
    return part;
}

/* Wanted lines follow each other: they are sent in one piece. */
static void take(struct files_connection *c, struct lines *l, const unsigned char *bytes, size_t length)
{
    const unsigned char *at = bytes, *end = bytes + length, *run = NULL;
    size_t run_length = 0;
    while (at < end) {
        const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));
        const unsigned char *next = newline ? newline + 1 : end;
        if (is_wanted(l)) {
            run = run ? run : at;
            run_length += want(l, (size_t)(next - at), newline != NULL);
        }
        l->offset += (uint64_t)(next - at);
        l->line += newline != NULL;
        at = next;
    }
    send_chunk(c, run, run_length);
    l->last = length ? end[-1] : l->last;
}

/* 0 or an errno. What is longer than a GiB is not counted to its end once all that was asked for is sent. */
static int scan(struct files_connection *c, struct lines *l, int fd)
{
    static unsigned char bytes[MAX_PAYLOAD];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        take(c, l, bytes, (size_t)got);
        bool has_all = l->cut || l->line >= l->from + l->count;
        if (is_cancelled(c) || (has_all && l->offset > ENOUGH))
            return -1;
    }
}

static void send_result(struct files_connection *c, const struct lines *l, bool whole)
{
    bool is_partial_last = l->offset > 0 && l->last != '\n';
    struct buffer *b = answer_begin(c, FILES_DONE);
    put_field_number(b, 1, l->sent, 8);
    put_field_number(b, 2, l->start, 8);
    put_field_number(b, 3, l->sent_lines, 8);
    put_field_number(b, 4, l->line - 1 + is_partial_last, 8);
    put_field_number(b, 5, l->offset, 8);
    put_field_number(b, 6, whole, 1);
    put_field_number(b, 7, l->cut, 1);
    answer_end(c);
}

void files_read_lines(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX];
    struct stat st;
    struct lines l = {.line = 1};
    if (!request_path(c, request, TAG_PATH, path))
        return;
    l.from = request_number(request, TAG_FROM, 1);
    l.count = request_number(request, TAG_COUNT, UINT64_MAX / 4);
    l.most = request_number(request, TAG_MOST, MAX_PAYLOAD);
    if (l.from == 0 || l.from > UINT64_MAX / 4 || l.count > UINT64_MAX / 4) {
        send_fail(c, EINVAL, path, "lines are counted from 1");
        return;
    }
    int fd = open_regular(c, path, &st);
    if (fd < 0)
        return;
    put_file_info(c, fd, &st);
    int error = scan(c, &l, fd);
    close(fd);
    if (error > 0)
        send_fail(c, error, path, NULL);
    else
        send_result(c, &l, error == 0);
}
