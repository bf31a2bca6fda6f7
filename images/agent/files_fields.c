/* What a request says: fields by tag, and paths. */
#include "files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool request_field_nth(const struct frame *request, uint8_t tag, size_t nth, struct field *field)
{
    const unsigned char *at = request->payload, *end = at + request->length;
    while (field_next(&at, end, field) == FRAME_WHOLE)
        if (field->tag == tag && nth-- == 0)
            return true;
    return false;
}

bool request_field(const struct frame *request, uint8_t tag, struct field *field)
{
    return request_field_nth(request, tag, 0, field);
}

uint64_t request_number(const struct frame *request, uint8_t tag, uint64_t otherwise)
{
    struct field f;
    if (!request_field(request, tag, &f))
        return otherwise;
    switch (f.length) {
    case 1: return f.bytes[0];
    case 2: return get16(f.bytes);
    case 4: return get32(f.bytes);
    case 8: return get64(f.bytes);
    default: return otherwise;
    }
}

bool request_flag(const struct frame *request, uint8_t tag) { return request_number(request, tag, 0) != 0; }

static const char *home(void)
{
    const char *home = getenv("HOME");
    return home && *home == '/' ? home : "/root";
}

bool request_path(struct files_connection *c, const struct frame *request, uint8_t tag, char path[PATH_MAX])
{
    struct field f;
    if (!request_field(request, tag, &f) || f.length == 0) {
        send_fail(c, EINVAL, NULL, "the path is missing or empty");
        return false;
    }
    if (memchr(f.bytes, 0, f.length)) {
        send_fail(c, EINVAL, NULL, "the path holds a NUL byte");
        return false;
    }
    bool from_home = f.bytes[0] == '~' && (f.length == 1 || f.bytes[1] == '/');
    int length = snprintf(path, PATH_MAX, "%s%.*s", from_home ? home() : "", (int)f.length - from_home,
                          (const char *)f.bytes + from_home);
    if (length < 0 || length >= PATH_MAX) {
        send_fail(c, ENAMETOOLONG, NULL, "a path has at most 4095 bytes");
        return false;
    }
    return true;
}
