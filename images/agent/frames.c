/* Frames and fields: pure functions over bytes, so that the fuzz driver can reach every one of them. */
#include "agent.h"
#include <stdlib.h>
#include <string.h>

uint16_t get16(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }
uint32_t get32(const unsigned char *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
uint64_t get64(const unsigned char *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

enum parsed frame_parse(const unsigned char *bytes, size_t length, struct frame *frame)
{
    if (length < HEADER_SIZE)
        return FRAME_PARTIAL;
    frame->length = get32(bytes);
    if (frame->length > MAX_PAYLOAD || bytes[5] || bytes[6] || bytes[7])
        return FRAME_BAD;
    if (length - HEADER_SIZE < frame->length)
        return FRAME_PARTIAL;
    frame->type = bytes[4];
    frame->command = get64(bytes + 8);
    frame->payload = bytes + HEADER_SIZE;
    return FRAME_WHOLE;
}

/* FRAME_PARTIAL means that the fields ended where a field ends. */
enum parsed field_next(const unsigned char **at, const unsigned char *end, struct field *field)
{
    size_t rest = (size_t)(end - *at);
    if (rest == 0)
        return FRAME_PARTIAL;
    if (rest < 5)
        return FRAME_BAD;
    field->tag = (*at)[0];
    field->length = get32(*at + 1);
    field->bytes = *at + 5;
    if (field->length > rest - 5)
        return FRAME_BAD;
    *at = field->bytes + field->length;
    return FRAME_WHOLE;
}

/* Unknown tags and other widths leave 0, which no version and no port is. */
struct hello hello_parse(const unsigned char *payload, uint32_t length)
{
    const unsigned char *end = payload + length;
    struct hello hello = {.version = 0};
    struct field field;
    while (field_next(&payload, end, &field) == FRAME_WHOLE) {
        if (field.tag == 1 && field.length == 2)
            hello.version = get16(field.bytes);
        else if (field.tag == 2 && field.length == 1)
            hello.purpose = field.bytes[0];
        else if (field.tag == 3 && field.length == 2)
            hello.port = get16(field.bytes);
    }
    return hello;
}

void put_bytes(struct buffer *b, const void *bytes, size_t length)
{
    if (b->full || length > b->size - b->end) {
        b->full = true;
        return;
    }
    if (length)
        memcpy(b->bytes + b->end, bytes, length);
    b->end += length;
}

void put_number(struct buffer *b, uint64_t value, unsigned width)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    put_bytes(b, bytes, width);
}

void put_field(struct buffer *b, uint8_t tag, const void *bytes, size_t length)
{
    put_number(b, tag, 1);
    put_number(b, length, 4);
    put_bytes(b, bytes, length);
}

void put_field_number(struct buffer *b, uint8_t tag, uint64_t value, unsigned width)
{
    put_number(b, tag, 1);
    put_number(b, width, 4);
    put_number(b, value, width);
}

/* The length is filled in by frame_end, which needs what this returns. */
size_t frame_begin(struct buffer *b, uint8_t type, uint64_t command)
{
    size_t at = b->end;
    put_number(b, 0, 4);
    put_number(b, type, 4);
    put_number(b, command, 8);
    return at;
}

void frame_end(struct buffer *b, size_t at)
{
    if (b->full)
        return;
    size_t length = b->end - at - HEADER_SIZE;
    for (unsigned i = 0; i < 4; i++)
        b->bytes[at + i] = (unsigned char)(length >> 8 * i);
}
