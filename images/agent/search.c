/* Searches one file line by line through a window that slides over it. */
#include "files_find.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line that is longer than MAX_LINE is searched up to there. */
enum { BLOCK = 1 << 18, MAX_LINE = 16 << 20, BINARY_HEAD = 8192, MAX_SUBMATCHES = 32, SHOWN = 4096, LEAD = 512 };

enum { ITEM_FILE = 1, ITEM_LINE, ITEM_TEXT, ITEM_SKIPPED, ITEM_LENGTH, ITEM_SUBMATCHES };

struct scan {
    struct search *search;
    const char *name;
    int fd;
    unsigned char *bytes;
    size_t room, at, end;      /* of the window: looked at up to `at`, filled up to `end` */
    uint64_t line, shown;      /* number of the line at `at`; of the last one sent */
    uint32_t after_left, matches;
    bool at_end, is_named;
};

struct span {
    size_t start, end;
};

static void send_line(struct scan *s, uint64_t number, const unsigned char *line, size_t length,
                      const struct span *spans, size_t count)
{
    struct buffer *b = answer_begin(s->search->c, FILES_ITEM);
    size_t skipped = count && spans[0].start > SHOWN - LEAD ? spans[0].start - LEAD : 0;
    size_t part = length - skipped < SHOWN ? length - skipped : SHOWN;
    if (!s->is_named)
        put_field(b, ITEM_FILE, s->name, strlen(s->name));
    s->is_named = true;
    put_field_number(b, ITEM_LINE, number, 8);
    put_field(b, ITEM_TEXT, line + skipped, part);
    put_field_number(b, ITEM_SKIPPED, skipped, 8);
    put_field_number(b, ITEM_LENGTH, length, 8);
    if (count) {
        put_number(b, ITEM_SUBMATCHES, 1);
        put_number(b, count * 8, 4);
    }
    for (size_t i = 0; i < count; i++) {
        put_number(b, spans[i].start, 4);
        put_number(b, spans[i].end, 4);
    }
    answer_end(s->search->c);
    s->shown = number;
}

/* All matches in a line that do not overlap. */
static size_t find_spans(struct pattern *p, const unsigned char *line, size_t length, struct span *spans)
{
    size_t count = 0, from = 0, last = SIZE_MAX;
    struct span found;
    while (count < MAX_SUBMATCHES && from <= length && pattern_find(p, line, length, from, &found.start, &found.end)) {
        bool empty = found.end == found.start;
        if (!empty || found.end != last)
            spans[count++] = found;
        from = last = found.end;
        if (!empty)
            continue;
        size_t one = 1;
        if (from < length)
            decode_utf8(line + from, line + length, &one);
        from += one;
    }
    return count;
}

static void send_before(struct scan *s, size_t at)
{
    const unsigned char *bytes = s->bytes;
    uint64_t number = s->line;
    size_t from = at;
    while (from > 0 && s->line - number < s->search->before && number - 1 > s->shown) {
        const unsigned char *newline = from > 1 ? memrchr(bytes, '\n', from - 1) : NULL;
        from = newline ? (size_t)(newline - bytes) + 1 : 0;
        number--;
    }
    for (; number < s->line; number++) {
        const unsigned char *newline = memchr(bytes + from, '\n', at - from);
        size_t length = newline ? (size_t)(newline - bytes) - from : at - from;
        send_line(s, number, bytes + from, length, NULL, 0);
        from += length + 1;
    }
}

/* One line that a match may be in. False: enough for this file. */
static bool look_at(struct scan *s, size_t length)
{
    struct span spans[MAX_SUBMATCHES];
    struct search *search = s->search;
    const unsigned char *line = s->bytes + s->at;
    bool open = s->matches < search->most_a_file && search->left > 0;
    size_t count = open ? find_spans(&search->pattern, line, length, spans) : 0;
    if (count) {
        send_before(s, s->at);
        send_line(s, s->line, line, length, spans, count);
        search->left--;
        s->matches++;
        s->after_left = search->after;
    } else if (s->after_left) {
        s->after_left--;
        send_line(s, s->line, line, length, NULL, 0);
    }
    return s->after_left || (s->matches < search->most_a_file && search->left);
}

static uint64_t newlines(const unsigned char *at, const unsigned char *end)
{
    uint64_t count = 0;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))))
        count++, at++;
    return count;
}

/* Moves on to the line in which the next match can be, at most to `limit`. */
static void skip(struct scan *s, size_t limit)
{
    const struct pattern *p = &s->search->pattern;
    const unsigned char *from = s->bytes + s->at, *end = s->bytes + limit;
    if (s->after_left || !p->literal_length)
        return;
    const unsigned char *found = memmem(from, (size_t)(end - from), p->literal, p->literal_length);
    const unsigned char *newline = found ? memrchr(from, '\n', (size_t)(found - from)) : NULL;
    const unsigned char *to = !found ? end : newline ? newline + 1 : from;
    s->line += newlines(from, to);
    s->at += (size_t)(to - from);
}

static bool is_over(struct search *search)
{
    if (now_us() > search->choice.until)
        search->cut = CUT_TIME;
    return search->cut == CUT_TIME || is_cancelled(search->c);
}

static bool scan_lines(struct scan *s, size_t limit)
{
    for (size_t looked = 0;; looked += 64) {
        skip(s, limit);
        if (s->at >= limit)
            return true;
        const unsigned char *newline = memchr(s->bytes + s->at, '\n', limit - s->at);
        size_t length = newline ? (size_t)(newline - s->bytes) - s->at : limit - s->at;
        looked += length;
        if (looked > BLOCK && (looked = 0, is_over(s->search)))
            return false;
        if (!look_at(s, length))
            return false;
        s->at += length + (newline != NULL);
        s->line++;
    }
}

/* Where the lines begin that may still be sent as context. */
static size_t keep_from(const struct scan *s)
{
    size_t from = s->at;
    for (uint32_t i = 0; i < s->search->before && from > 0; i++) {
        const unsigned char *newline = from > 1 ? memrchr(s->bytes, '\n', from - 1) : NULL;
        from = newline ? (size_t)(newline - s->bytes) + 1 : 0;
    }
    return s->at - from > MAX_LINE ? s->at : from;
}

/* Reads on; false where there is nothing more or no memory. */
static bool fill(struct scan *s)
{
    size_t from = keep_from(s);
    memmove(s->bytes, s->bytes + from, s->end - from);
    s->at -= from;
    s->end -= from;
    if (s->room - s->end < BLOCK) {
        unsigned char *bytes = realloc(s->bytes, s->room * 2);
        if (!bytes)
            return false;
        s->bytes = bytes;
        s->room *= 2;
    }
    ssize_t got = read(s->fd, s->bytes + s->end, BLOCK);
    s->at_end = got <= 0;
    s->end += got > 0 ? (size_t)got : 0;
    return true;
}

/* How far whole lines go. A line beyond all measure is cut there. */
static size_t whole_lines(const struct scan *s)
{
    const unsigned char *newline = s->end > s->at ? memrchr(s->bytes + s->at, '\n', s->end - s->at) : NULL;
    if (s->at_end || s->end - s->at > MAX_LINE)
        return s->end;
    return newline ? (size_t)(newline - s->bytes) + 1 : s->at;
}

/* Passes over the rest of a line that was cut. */
static bool skip_rest(struct scan *s)
{
    while (!s->at_end) {
        s->at = s->end = 0;
        if (!fill(s))
            return false;
        const unsigned char *newline = s->end ? memchr(s->bytes, '\n', s->end) : NULL;
        if (newline) {
            s->at = (size_t)(newline - s->bytes) + 1;
            return true;
        }
        if (is_over(s->search))
            return false;
    }
    return true;
}

static void scan(struct scan *s)
{
    if (!fill(s))
        return;
    if (memchr(s->bytes, 0, s->end < BINARY_HEAD ? s->end : BINARY_HEAD)) {
        s->search->binary++;
        return;
    }
    for (;;) {
        size_t limit = whole_lines(s);
        bool cut = !s->at_end && limit == s->end && s->end && s->bytes[s->end - 1] != '\n';
        if (limit > s->at && !scan_lines(s, limit))
            return;
        if (s->at_end || (cut && !skip_rest(s)) || (!cut && !fill(s)) || is_over(s->search))
            return;
    }
}

bool search_file(struct search *search, int fd, const char *name)
{
    struct scan s = {.search = search, .name = name, .fd = fd, .room = 2 * BLOCK, .line = 1};
    s.bytes = malloc(s.room);
    search->searched++;
    if (s.bytes)
        scan(&s);
    free(s.bytes);
    search->matched += s.matches > 0;
    if (search->left == 0)
        search->cut = CUT_LIMIT;
    return search->cut == CUT_NOT && !search->c->gone;
}
