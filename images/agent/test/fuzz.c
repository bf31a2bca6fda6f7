/* Feeds mutated frames to everything that parses what podexec sends. Each input lies in a block of exactly its size,
 * so that the address sanitizer sees any read beyond it. Compiled together with frames.c and start.c. */
#include "../agent.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 300000, LARGEST = 4096 };

static uint64_t state = 88172645463325252ULL;
static char *environment[] = {"PATH=/bin", "A=1", "LANG=C", NULL};

static uint32_t any(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % below;
}

/* What the parser promises: vectors that end, and strings that are there to be read. */
static void check_start(const struct start *s)
{
    size_t length = 0;
    for (char **arg = s->argv; *arg; arg++)
        length += strlen(*arg);
    for (char **entry = s->envp; *entry; entry++)
        length += strchr(*entry, '=') ? strlen(*entry) : (abort(), 0);
    if (s->cwd)
        length += strlen(s->cwd);
    for (uint32_t i = 0; i < s->kept_length; i++)
        length += s->kept[i] & 1;
    if (s->kept_length > MAX_KEPT)
        abort();
    if (length > MAX_PAYLOAD + 64 || s->argc == 0)
        abort();
}

static void parse_all(const unsigned char *bytes, size_t length)
{
    struct frame frame;
    struct start start;
    struct field field;
    while (frame_parse(bytes, length, &frame) == FRAME_WHOLE) {
        const unsigned char *at = frame.payload, *end = at + frame.length;
        volatile unsigned char last = 0;
        while (field_next(&at, end, &field) == FRAME_WHOLE)
            last = field.length ? field.bytes[field.length - 1] : last;
        if (hello_parse(frame.payload, frame.length).port > 65535)
            abort();
        if (!start_parse(frame.payload, frame.length, environment, &start))
            check_start(&start);
        free(start.block);
        bytes += HEADER_SIZE + frame.length;
        length -= HEADER_SIZE + frame.length;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    unsigned char *copy = malloc(length ? length : 1);
    if (!copy)
        return 0;
    memcpy(copy, bytes, length);
    parse_all(copy, length);
    free(copy);
    return 0;
}

static void put_some_field(struct buffer *b)
{
    static const char *const texts[] = {"/bin/sh", "-c", "true", "A=b", "PATH=/x", "=", "", "/tmp", "nul"};
    uint8_t tag = (uint8_t)any(12);
    const char *text = texts[any(sizeof texts / sizeof *texts)];
    if (any(2))
        put_field_number(b, tag, any(3), any(4) ? 4 : 1);
    else
        put_field(b, tag, text, strlen(text) + !any(16));
}

/* Mostly valid, so that mutations reach deep. */
static size_t make_input(unsigned char *bytes)
{
    struct buffer b = {.bytes = bytes, .size = LARGEST};
    for (uint32_t frames = 1 + any(3); frames; frames--) {
        size_t at = frame_begin(&b, (uint8_t)(1 + any(16)), any(5));
        put_field(&b, 1, "true", 4);
        for (uint32_t fields = any(12); fields; fields--)
            put_some_field(&b);
        frame_end(&b, at);
    }
    for (uint32_t changes = any(6); changes; changes--)
        bytes[any((uint32_t)b.end)] = any(3) ? (unsigned char)any(256) : 0xff;
    return any(4) ? b.end : any((uint32_t)b.end);
}

int main(void)
{
    static unsigned char bytes[LARGEST];
    for (int i = 0; i < INPUTS; i++)
        LLVMFuzzerTestOneInput(bytes, make_input(bytes));
    printf("%d inputs\n", INPUTS);
    return 0;
}
