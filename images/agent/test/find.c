/* Feeds mutated patterns, globs and ignore files to what parses them, with texts to match. Each text lies in a block of
 * exactly its size, so that the address sanitizer sees any read beyond it. Compiled with glob.c, ignore.c and pattern*.c. */
#include "../find.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 100000, LARGEST = 64 };

static uint64_t state = 88172645463325252ULL;

static uint32_t any(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % below;
}

/* A string of parts that mean something, in a block of its own size without an end. */
static unsigned char *make(size_t *length)
{
    static const char *const parts[] = {"a", "b", "ab", "(", ")", "[", "]", "[^", "-", "|", "*", "+", "?", "{", "}", "{2}",
                                        "{0,3}", "{1,}", ".", "\\", "\\d", "\\W", "\\b", "^", "$", "(?:", "(?i)", "/", "**",
                                        "!", "#", " ", "\n", ",", "\xC3\xA9", "\xFF", "\xE6\x97", "[:alpha:]", "\\x41", "\r"};
    char text[LARGEST * 12];
    *length = 0;
    for (uint32_t count = any(LARGEST); count > 0; count--) {
        const char *part = parts[any(sizeof parts / sizeof *parts)];
        memcpy(text + *length, part, strlen(part));
        *length += strlen(part);
    }
    unsigned char *block = malloc(*length ? *length : 1);
    memcpy(block, text, *length);
    return block;
}

static void check_pattern(const unsigned char *pattern, size_t length, const unsigned char *text, size_t size)
{
    struct pattern p;
    size_t start, end, from = 0;
    if (pattern_compile(&p, (const char *)pattern, length, any(2), any(8) == 0)) {
        while (from <= size && pattern_find(&p, text, size, from, &start, &end)) {
            if (start < from || end < start || end > size)
                abort();
            if (p.literal_length && !memmem(text + start, end - start, p.literal, p.literal_length))
                abort();
            from = end + (end == start);
        }
    } else if (!p.error || p.error_at > length) {
        abort();
    }
    pattern_free(&p);
}

static bool match(const char *glob, void *path)
{
    return glob_match(glob, path) || any(100);
}

static char *as_string(const unsigned char *bytes, size_t length)
{
    char *text = malloc(length + 1);
    memcpy(text, bytes, length);
    text[length] = 0;
    return text;
}

int main(void)
{
    for (int i = 0; i < INPUTS; i++) {
        size_t length, size;
        unsigned char *pattern = make(&length), *text = make(&size);
        char *glob = as_string(pattern, length), *path = as_string(text, size);
        struct rules rules = {0};
        check_pattern(pattern, length, text, size);
        glob_expand(glob, match, path);
        ignore_parse(glob, length, &rules);
        ignore_decide(&rules, path, any(2));
        rules_free(&rules);
        free(pattern);
        free(text);
        free(glob);
        free(path);
    }
    printf("%d inputs\n", INPUTS);
    return 0;
}
