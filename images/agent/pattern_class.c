/* Characters and classes of them, for patterns. */
#include "find.h"
#include <stdlib.h>

/* One character of UTF-8; NO_CHARACTER and one byte where it is none. */
uint32_t decode_utf8(const unsigned char *at, const unsigned char *end, size_t *length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = *at;
    *length = 1;
    if (c < 0x80)
        return c;
    size_t size = c >= 0xF0 && c < 0xF5 ? 4 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xC2 && c < 0xE0 ? 2 : 0;
    if (size == 0 || (size_t)(end - at) < size)
        return NO_CHARACTER;
    c &= 0x7FU >> size;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return NO_CHARACTER;
        c = c << 6 | (at[i] & 0x3F);
    }
    if (c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return NO_CHARACTER;
    *length = size;
    return c;
}

static bool among(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].low && c <= ranges[i].high)
            return true;
    return false;
}

/* Letters, digits, marks and connectors beyond ASCII, as blocks: near to Unicode's, without its tables. */
static const struct range words[] = {
    {0xAA, 0xAA}, {0xB5, 0xB5}, {0xBA, 0xBA}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2C1}, {0x300, 0x374},
    {0x376, 0x37D}, {0x37F, 0x386}, {0x388, 0x481}, {0x483, 0x559}, {0x560, 0x588}, {0x591, 0x5F2}, {0x610, 0x61A},
    {0x620, 0x669}, {0x66E, 0x6D3}, {0x6D5, 0x6FC}, {0x710, 0x963}, {0x966, 0xE3E}, {0xE40, 0x1FFC}, {0x203F, 0x2040},
    {0x2071, 0x2071}, {0x207F, 0x207F}, {0x2C00, 0x2DFF}, {0x3005, 0x3007}, {0x3021, 0x302F}, {0x3031, 0x3035},
    {0x3038, 0x303C}, {0x3041, 0x3096}, {0x309D, 0x309F}, {0x30A1, 0x30FA}, {0x30FC, 0x318E}, {0x3400, 0xA48C},
    {0xA4D0, 0xD7FB}, {0xF900, 0xFDFB}, {0xFE70, 0xFEFC}, {0xFF10, 0xFF19}, {0xFF21, 0xFF3A}, {0xFF3F, 0xFF3F},
    {0xFF41, 0xFF5A}, {0xFF66, 0xFFDC}, {0x10000, 0x1CFFF}, {0x1D400, 0x1EFFF}, {0x20000, 0x3FFFF},
};

bool is_word(uint32_t c)
{
    if (c < 0x80)
        return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    return c != NO_CHARACTER && among(words, sizeof words / sizeof *words, c);
}

/* The same letter in the other case, of Latin, Greek and Cyrillic; the character itself where there is none. */
uint32_t other_case(uint32_t c)
{
    static const struct {
        uint32_t low, high, distance;
    } pairs[] = {
        {'A', 'Z', 32}, {0xC0, 0xD6, 32}, {0xD8, 0xDE, 32}, {0x391, 0x3A1, 32}, {0x3A3, 0x3AB, 32},
        {0x410, 0x42F, 32}, {0x400, 0x40F, 80},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (c >= pairs[i].low && c <= pairs[i].high)
            return c + pairs[i].distance;
        if (c >= pairs[i].low + pairs[i].distance && c <= pairs[i].high + pairs[i].distance)
            return c - pairs[i].distance;
    }
    bool odd_first = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x4C1 && c <= 0x4CE);
    bool even_first = (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
                      (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F);
    if (!odd_first && !even_first)
        return c;
    return (c & 1) == (odd_first ? 1U : 0U) ? c + 1 : c - 1;
}

bool class_add(struct class *class, uint32_t low, uint32_t high)
{
    if (class->count == class->room) {
        size_t room = class->room ? class->room * 2 : 8;
        struct range *ranges = realloc(class->ranges, room * sizeof *ranges);
        if (!ranges)
            return false;
        class->ranges = ranges;
        class->room = room;
    }
    class->ranges[class->count++] = (struct range){low, high};
    return true;
}

static bool add_all(struct class *class, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!class_add(class, ranges[i].low, ranges[i].high))
            return false;
    return true;
}

/* What lies between ranges that are in order. */
static bool add_others(struct class *class, const struct range *ranges, size_t count)
{
    uint32_t next = 0;
    for (size_t i = 0; i < count; next = ranges[i++].high + 1)
        if (ranges[i].low > next && !class_add(class, next, ranges[i].low - 1))
            return false;
    return class_add(class, next, 0x10FFFF);
}

/* \d, \w, \s; a capital letter for all others. */
bool class_add_named(struct class *class, char letter)
{
    static const struct range digits[] = {{'0', '9'}};
    static const struct range spaces[] = {{'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},
                                          {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                          {0x205F, 0x205F}, {0x3000, 0x3000}};
    struct range word[4 + sizeof words / sizeof *words] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    const size_t count = sizeof word / sizeof *word;
    for (size_t i = 4; i < count; i++)
        word[i] = words[i - 4];
    bool (*add)(struct class *, const struct range *, size_t) = letter < 'a' ? add_others : add_all;
    if ((letter | 32) == 'd')
        return add(class, digits, 1);
    if ((letter | 32) == 's')
        return add(class, spaces, sizeof spaces / sizeof *spaces);
    return add(class, word, count);
}

static bool holds_slowly(const struct class *class, uint32_t c)
{
    bool found = among(class->ranges, class->count, c) ||
                 (class->fold && among(class->ranges, class->count, other_case(c)));
    return c != NO_CHARACTER && found != class->negated;
}

/* Works out the answers for ASCII, when all ranges are there. */
void class_close(struct class *class)
{
    for (uint32_t c = 0; c < 128; c++)
        if (holds_slowly(class, c))
            class->ascii[c / 32] |= 1U << c % 32;
}

bool class_holds(const struct class *class, uint32_t c)
{
    return c < 128 ? (class->ascii[c / 32] >> c % 32) & 1 : holds_slowly(class, c);
}
