/* The parts of a pattern that stand for one character: escapes and classes in brackets. */
#include "pattern_parse.h"
#include <stdlib.h>
#include <string.h>

static struct class *new_class(struct parser *s)
{
    struct class *classes = realloc(s->p->classes, (s->p->class_count + 1) * sizeof *classes);
    if (!classes) {
        wrong(s, s->at, "out of memory");
        return NULL;
    }
    s->p->classes = classes;
    struct class *class = &classes[s->p->class_count++];
    *class = (struct class){.fold = s->fold};
    return class;
}

static bool emit_class(struct parser *s, struct class *class)
{
    class_close(class);
    return emit(s, (struct instruction){OP_CLASS, false, (uint32_t)(s->p->class_count - 1), 0});
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind \x or \u: `digits` of them, or any number in braces. */
static bool hexadecimal(struct parser *s, int digits, uint32_t *c)
{
    bool braces = peek(s) == '{';
    const unsigned char *begin = s->at += braces;
    *c = 0;
    for (; hex_digit(peek(s)) >= 0 && *c <= 0x10FFFF && (braces || s->at - begin < digits); s->at++)
        *c = *c * 16 + (uint32_t)hex_digit(*s->at);
    if (s->at == begin || *c > 0x10FFFF || (!braces && s->at - begin < digits) || (braces && peek(s) != '}'))
        return wrong(s, begin, "a hexadecimal character is wrong");
    s->at += braces;
    return true;
}

/* An escape that stands for one character; `at` is behind the letter. */
static bool escaped_character(struct parser *s, int letter, uint32_t *c)
{
    static const char letters[] = "nrtfva", values[] = "\n\r\t\f\v\a";
    const char *known = letter > 0 ? strchr(letters, letter) : NULL;
    if (letter == 'x')
        return hexadecimal(s, 2, c);
    if (letter == 'u' || letter == 'U')
        return hexadecimal(s, letter == 'u' ? 4 : 8, c);
    *c = known ? (uint32_t)values[known - letters] : (uint32_t)letter;
    if (known || (letter > 0 && letter < 128 && !is_word((uint32_t)letter) && letter > ' '))
        return true;
    if (letter == END)
        return invalid(s, s->end - 1, "a backslash at the end escapes nothing");
    if (letter >= '1' && letter <= '9')
        return invalid(s, s->at - 2, "backreferences are not supported");
    if (letter == 'p' || letter == 'P')
        return wrong(s, s->at - 2, "Unicode classes need ripgrep in the sandbox");
    return wrong(s, s->at - 2, "unknown escape");
}

bool escape(struct parser *s)
{
    int letter = (s->at++, peek(s));
    s->at += letter != END;
    if (letter == 'b' || letter == 'B')
        return emit(s, (struct instruction){OP_ASSERT, false, letter == 'b' ? AT_WORD : AT_NOT_WORD, 0});
    if (letter > 0 && strchr("dDwWsS", letter)) {
        struct class *class = new_class(s);
        return class && class_add_named(class, (char)letter) && emit_class(s, class);
    }
    uint32_t c;
    return escaped_character(s, letter, &c) && emit(s, (struct instruction){OP_CHAR, s->fold, c, 0});
}

static bool class_member(struct parser *s, uint32_t *c)
{
    size_t length;
    if (peek(s) == '\\') {
        int letter = (s->at++, peek(s));
        s->at += letter != END;
        return escaped_character(s, letter, c);
    }
    *c = decode_utf8(s->at, s->end, &length);
    s->at += length;
    return true;
}

/* `[:alpha:]`, `\d`: what is more than one character. Sets `taken` where it was one. */
static bool class_named(struct parser *s, struct class *class, bool *taken)
{
    static const struct {
        const char *name, *ranges;
    } names[] = {
        {"[:alnum:]", "09AZaz"}, {"[:alpha:]", "AZaz"}, {"[:digit:]", "09"}, {"[:lower:]", "az"}, {"[:upper:]", "AZ"},
        {"[:space:]", "\t\r  "}, {"[:blank:]", "\t\t  "}, {"[:punct:]", "!/:@[`{~"}, {"[:xdigit:]", "09AFaf"},
        {"[:word:]", "09AZaz__"}, {"[:print:]", " ~"}, {"[:graph:]", "!~"},
    };
    size_t rest = (size_t)(s->end - s->at);
    *taken = true;
    if (rest > 1 && s->at[0] == '\\' && strchr("dDwWsS", s->at[1])) {
        s->at += 2;
        return class_add_named(class, (char)s->at[-1]);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].name);
        if (rest < length || memcmp(s->at, names[i].name, length) != 0)
            continue;
        s->at += length;
        for (const char *r = names[i].ranges; *r; r += 2)
            if (!class_add(class, (unsigned char)r[0], (unsigned char)r[1]))
                return false;
        return true;
    }
    *taken = false;
    return true;
}

static bool class_range(struct parser *s, struct class *class)
{
    const unsigned char *begin = s->at;
    uint32_t low, high;
    bool taken;
    if (!class_named(s, class, &taken) || taken)
        return taken;
    if (s->end - begin > 1 && begin[0] == begin[1] && strchr("&~-", *begin))
        return wrong(s, begin, "operations on classes need ripgrep in the sandbox");
    if (*begin == '[')
        return wrong(s, begin, "a class within a class is not supported: write \\[ for a bracket");
    if (!class_member(s, &low))
        return false;
    high = low;
    if (peek(s) == '-' && s->end - s->at > 1 && s->at[1] != ']') {
        s->at++;
        if (!class_member(s, &high))
            return false;
    }
    if (high < low)
        return invalid(s, begin, "a range in a class goes backwards");
    return class_add(class, low, high) || wrong(s, begin, "out of memory");
}

bool bracket(struct parser *s)
{
    const unsigned char *begin = s->at++;
    struct class *class = new_class(s);
    if (!class)
        return false;
    if (peek(s) == '^') {
        class->negated = true;
        s->at++;
    }
    for (bool first = true; first || peek(s) != ']'; first = false) {
        if (peek(s) == END)
            return invalid(s, begin, "a class has no end: write \\[ for a bracket");
        if (first && peek(s) == ']') {
            s->at++;
            if (!class_add(class, ']', ']'))
                return false;
        } else if (!class_range(s, class)) {
            return false;
        }
    }
    s->at++;
    return emit_class(s, class);
}
