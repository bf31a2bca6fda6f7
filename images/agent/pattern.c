/* Regular expressions as ripgrep has them, compiled: a recursive descent that emits the program as it reads. Jumps are
 * relative, so that a piece can be moved and repeated. */
#include "pattern_parse.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 100, MAX_REPEAT = 1000 };

bool wrong(struct parser *s, const unsigned char *at, const char *why)
{
    if (!s->p->error) {
        s->p->error = why;
        s->p->error_at = (size_t)(at - s->text);
    }
    return false;
}

bool invalid(struct parser *s, const unsigned char *at, const char *why)
{
    s->p->is_invalid |= !s->p->error;
    return wrong(s, at, why);
}

int peek(const struct parser *s) { return s->at < s->end ? *s->at : END; }

bool emit(struct parser *s, struct instruction one)
{
    if (s->p->length >= MAX_PROGRAM)
        return wrong(s, s->at, "the pattern is too large");
    s->p->code[s->p->length++] = one;
    return true;
}

/* Makes room for one instruction in front of what was emitted since `from`. */
static bool insert(struct parser *s, size_t from, struct instruction one)
{
    if (!emit(s, one))
        return false;
    struct instruction *code = s->p->code + from;
    memmove(code + 1, code, (s->p->length - 1 - from) * sizeof *code);
    *code = one;
    return true;
}

static struct instruction split(size_t first, size_t second, bool lazy)
{
    return (struct instruction){OP_SPLIT, false, (uint32_t)(lazy ? second : first), (uint32_t)(lazy ? first : second)};
}

static bool alternatives(struct parser *s);

/* Behind `(?`: flags up to `)`, which hold until the group's end, or up to `:`, or a name. Sets `over` for the former. */
static bool group_flags(struct parser *s, bool *over)
{
    const unsigned char *begin = s->at;
    bool on = true;
    if (peek(s) == 'P')
        s->at++;
    if (peek(s) == '<' && s->end - s->at > 1 && s->at[1] != '=' && s->at[1] != '!') {
        const unsigned char *close = memchr(s->at, '>', (size_t)(s->end - s->at));
        s->at = close ? close + 1 : s->end;
        return close || wrong(s, begin, "a group's name has no end");
    }
    for (;; s->at++) {
        int c = peek(s);
        *over = c == ')';
        if (c == ':' || c == ')') {
            s->at++;
            return true;
        }
        if (c == 'i')
            s->fold = on;
        else if (c == '-')
            on = false;
        else if (c == END || !strchr("smu", c))
            return c > 0 && strchr("=!<", c) ? invalid(s, begin - 2, "look-around is not supported")
                                             : wrong(s, begin - 2, "unknown group");
    }
}

static bool group(struct parser *s)
{
    const unsigned char *begin = s->at++;
    bool fold = s->fold, over = false;
    if (++s->nesting > MAX_NESTING)
        return wrong(s, begin, "groups are nested too deeply");
    if (peek(s) == '?' && (s->at++, !group_flags(s, &over)))
        return false;
    if (!over) {
        if (!alternatives(s))
            return false;
        if (peek(s) != ')')
            return invalid(s, begin, "a group has no end: write \\( for a parenthesis");
        s->at++;
        s->fold = fold;
    }
    s->nesting--;
    return true;
}

static bool atom(struct parser *s)
{
    size_t length;
    switch (peek(s)) {
    case '(':
        return group(s);
    case '[':
        return bracket(s);
    case '\\':
        return escape(s);
    case '.':
        s->at++;
        return emit(s, (struct instruction){.op = OP_ANY});
    case '^':
    case '$':
        return emit(s, (struct instruction){OP_ASSERT, false, *s->at++ == '^' ? AT_LINE_START : AT_LINE_END, 0});
    case '*':
    case '+':
    case '?':
    case '{':
        return invalid(s, s->at, "nothing is there to be repeated: write a backslash in front of it");
    }
    uint32_t c = decode_utf8(s->at, s->end, &length);
    s->at += length;
    return emit(s, (struct instruction){OP_CHAR, s->fold, c, 0});
}

static bool number(struct parser *s, uint32_t *value)
{
    const unsigned char *begin = s->at;
    for (*value = 0; peek(s) >= '0' && peek(s) <= '9' && *value <= MAX_REPEAT; s->at++)
        *value = *value * 10 + (uint32_t)(*s->at - '0');
    return s->at > begin;
}

/* `*`, `+`, `?` and `{n,m}` as a least and a most; most 0: without end. */
static bool times(struct parser *s, uint32_t *least, uint32_t *most)
{
    const unsigned char *begin = s->at;
    int c = *s->at++;
    *least = c == '+';
    *most = c == '?';
    if (c != '{')
        return true;
    bool valid = number(s, least);
    *most = *least;
    bool open = valid && peek(s) == ',';
    if (open && (s->at++, !number(s, most)))
        *most = 0;
    else if (*most == 0)
        valid = valid && !open && *least == 0;
    if (!valid || peek(s) != '}' || (*most && *most < *least))
        return wrong(s, begin, "a repetition is wrong: write \\{ for a brace");
    if (*least > MAX_REPEAT || *most > MAX_REPEAT)
        return wrong(s, begin, "a repetition may count up to 1000");
    s->at++;
    return true;
}

static bool copy(struct parser *s, size_t from, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!emit(s, s->p->code[from + i]))
            return false;
    return true;
}

static bool star(struct parser *s, size_t from, bool lazy)
{
    size_t length = s->p->length - from;
    return insert(s, from, split(1, length + 2, lazy)) &&
           emit(s, (struct instruction){OP_JUMP, false, (uint32_t)-(length + 1), 0});
}

/* Repeats what was emitted since `from`, which stands there once. */
static bool repeat(struct parser *s, size_t from, uint32_t least, uint32_t most, bool lazy)
{
    size_t length = s->p->length - from;
    if (least == 0 && most == 0)
        return star(s, from, lazy);
    if (least == 1 && most == 0)
        return emit(s, split((size_t)0 - length, 1, lazy));
    uint32_t optional = most ? most - least : 1;
    for (uint32_t i = 1; i < least; i++)
        if (!copy(s, from, length))
            return false;
    if (most == 0) {
        size_t last = s->p->length;
        return copy(s, from, length) && star(s, last, lazy);
    }
    if (least == 0 && optional && !insert(s, from, split(1, optional * (length + 1), lazy)))
        return false;
    size_t piece = from + (least == 0);
    for (uint32_t i = least == 0; i < optional; i++)
        if (!emit(s, split(1, (optional - i) * (length + 1), lazy)) || !copy(s, piece, length))
            return false;
    return true;
}

static bool piece(struct parser *s)
{
    size_t from = s->p->length;
    if (!atom(s))
        return false;
    while (peek(s) > 0 && strchr("*+?{", peek(s))) {
        const unsigned char *begin = s->at;
        uint32_t least, most;
        if (!times(s, &least, &most))
            return false;
        bool lazy = peek(s) == '?', nothing = *begin == '{' && most == 0 && s->at[-2] != ',';
        s->at += lazy;
        if (nothing)
            s->p->length = from;
        else if (s->p->length > from && !repeat(s, from, least, most, lazy))
            return false;
    }
    return true;
}

static bool alternatives(struct parser *s)
{
    size_t from = s->p->length;
    while (peek(s) != END && peek(s) != '|' && peek(s) != ')')
        if (!piece(s))
            return false;
    if (peek(s) != '|')
        return true;
    s->at++;
    if (!insert(s, from, split(1, s->p->length - from + 2, false)))
        return false;
    size_t jump = s->p->length;
    if (!emit(s, (struct instruction){.op = OP_JUMP}) || !alternatives(s))
        return false;
    s->p->code[jump].x = (uint32_t)(s->p->length - jump);
    return true;
}

/* A string that is meant as it stands. */
static bool characters(struct parser *s)
{
    while (s->at < s->end) {
        size_t length;
        uint32_t c = decode_utf8(s->at, s->end, &length);
        s->at += length;
        if (!emit(s, (struct instruction){OP_CHAR, s->fold, c, 0}))
            return false;
    }
    return true;
}

bool pattern_parse(struct pattern *p, const char *text, size_t length, bool fold, bool literal)
{
    const unsigned char *bytes = (const unsigned char *)text;
    struct parser s = {.p = p, .text = bytes, .at = bytes, .end = bytes + length, .fold = fold};
    p->code = malloc(MAX_PROGRAM * sizeof *p->code);
    if (!p->code || length > MAX_PATTERN)
        return wrong(&s, bytes, p->code ? "a pattern may have at most 4096 bytes" : "out of memory");
    if (!(literal ? characters(&s) : alternatives(&s)))
        return wrong(&s, s.at, "out of memory");
    if (s.at < s.end)
        return invalid(&s, s.at, "a parenthesis closes nothing: write \\) for a parenthesis");
    return emit(&s, (struct instruction){.op = OP_MATCH});
}
