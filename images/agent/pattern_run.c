/* Runs a compiled pattern over a line: all ways at once, in the order of preference, so that the time is the line's length
 * times the program's, whatever the pattern. */
#include "find.h"
#include <stdlib.h>
#include <string.h>

struct threads {
    uint32_t *pc, *mark, count, generation;
    size_t *start;
};

struct run {
    struct pattern *p;
    const unsigned char *line, *end;
};

static struct threads *threads_new(size_t length)
{
    struct threads *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->pc = malloc(length * sizeof *t->pc);
    t->start = malloc(length * sizeof *t->start);
    t->mark = calloc(length, sizeof *t->mark);
    return t;
}

static void threads_free(struct threads *t)
{
    if (!t)
        return;
    free(t->pc);
    free(t->start);
    free(t->mark);
    free(t);
}

static void clear(struct threads *t)
{
    t->count = 0;
    if (++t->generation == 0)
        t->generation = 1;
}

static uint32_t before(const struct run *run, const unsigned char *at)
{
    size_t length;
    const unsigned char *p = at;
    if (at == run->line)
        return NO_CHARACTER;
    do
        p--;
    while (p > run->line && at - p < 4 && (*p & 0xC0) == 0x80);
    uint32_t c = decode_utf8(p, run->end, &length);
    return p + length == at ? c : NO_CHARACTER;
}

static bool holds(const struct run *run, uint32_t assertion, const unsigned char *at)
{
    size_t length;
    if (assertion == AT_LINE_START)
        return at == run->line;
    if (assertion == AT_LINE_END)
        return at == run->end;
    bool after = at < run->end && is_word(decode_utf8(at, run->end, &length));
    return (is_word(before(run, at)) != after) == (assertion == AT_WORD);
}

/* Adds a thread, and all that it may become without a character, in the order of preference. */
static void add(const struct run *run, struct threads *t, uint32_t pc, size_t start, const unsigned char *at)
{
    uint32_t *stack = run->p->stack;
    size_t depth = 0;
    stack[depth++] = pc;
    while (depth) {
        pc = stack[--depth];
        if (t->mark[pc] == t->generation)
            continue;
        t->mark[pc] = t->generation;
        const struct instruction *i = &run->p->code[pc];
        if (i->op == OP_JUMP) {
            stack[depth++] = pc + i->x;
        } else if (i->op == OP_SPLIT) {
            stack[depth++] = pc + i->y;
            stack[depth++] = pc + i->x;
        } else if (i->op == OP_ASSERT) {
            if (holds(run, i->x, at))
                stack[depth++] = pc + 1;
        } else {
            t->pc[t->count] = pc;
            t->start[t->count++] = start;
        }
    }
}

static bool takes(const struct pattern *p, const struct instruction *i, uint32_t c)
{
    if (i->op == OP_CLASS)
        return class_holds(&p->classes[i->x], c);
    if (i->op == OP_ANY)
        return c != NO_CHARACTER;
    return c == i->x ? c != NO_CHARACTER : i->fold && other_case(c) == i->x;
}

/* Takes one character, or none at the end; true when a match was found, which ends threads of lower preference. */
static bool step(const struct run *run, uint32_t c, const unsigned char *next, size_t *start)
{
    struct threads *now = run->p->now, *then = run->p->next;
    clear(then);
    for (uint32_t i = 0; i < now->count; i++) {
        const struct instruction *at = &run->p->code[now->pc[i]];
        if (at->op == OP_MATCH) {
            *start = now->start[i];
            return true;
        }
        if (next && takes(run->p, at, c))
            add(run, then, now->pc[i] + 1, now->start[i], next);
    }
    return false;
}

static const unsigned char *next_start(const struct pattern *p, const unsigned char *at, const unsigned char *end)
{
    while (at < end && !(p->starts[*at / 32] >> *at % 32 & 1))
        at++;
    return at;
}

bool pattern_find(struct pattern *p, const unsigned char *line, size_t length, size_t from, size_t *start, size_t *end)
{
    struct run run = {p, line, line + length};
    bool found = false;
    clear(p->now);
    for (const unsigned char *at = line + from;;) {
        if (p->now->count == 0) {
            if (found)
                return true;
            if (p->starts_known && (at = next_start(p, at, run.end)) == run.end)
                return false;
        }
        if (!found)
            add(&run, p->now, 0, (size_t)(at - line), at);
        size_t size = 1;
        uint32_t c = at < run.end ? decode_utf8(at, run.end, &size) : NO_CHARACTER;
        if (step(&run, c, at < run.end ? at + size : NULL, start)) {
            found = true;
            *end = (size_t)(at - line);
        }
        struct threads *swap = p->now;
        p->now = p->next;
        p->next = swap;
        if (at >= run.end)
            return found;
        at += size;
    }
}

static void allow(struct pattern *p, unsigned char byte) { p->starts[byte / 32] |= 1U << byte % 32; }

static void allow_character(struct pattern *p, uint32_t c)
{
    if (c < 0x80)
        allow(p, (unsigned char)c);
    else
        for (unsigned byte = 0x80; byte < 256; byte++)
            allow(p, (unsigned char)byte);
}

/* Which bytes a match can begin with; unknown where a match may be empty. */
static void find_starts(struct pattern *p)
{
    struct threads *t = p->now;
    clear(t);
    p->stack[0] = 0;
    p->starts_known = true;
    for (size_t depth = 1; depth;) {
        uint32_t pc = p->stack[--depth];
        const struct instruction *i = &p->code[pc];
        if (t->mark[pc] == t->generation)
            continue;
        t->mark[pc] = t->generation;
        if (i->op == OP_MATCH)
            p->starts_known = false;
        else if (i->op == OP_ASSERT)
            p->stack[depth++] = pc + 1;
        else if (i->op == OP_JUMP || i->op == OP_SPLIT) {
            p->stack[depth++] = pc + i->x;
            if (i->op == OP_SPLIT)
                p->stack[depth++] = pc + i->y;
        } else {
            for (uint32_t c = 0; c <= 0x80; c++)
                if (c == 0x80 || takes(p, i, c))
                    allow_character(p, c);
        }
    }
}

static size_t encode(uint32_t c, unsigned char *out)
{
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; c >>= 6)
        out[i] = (unsigned char)(0x80 | (c & 0x3F));
    out[0] = (unsigned char)(marks[size] | c);
    return size;
}

/* The longest run of characters that no way through the program leaves out. */
static void find_literal(struct pattern *p)
{
    unsigned char run[sizeof p->literal + 4];
    size_t length = 0;
    int64_t optional_until = 0;
    for (int64_t at = 0; at < (int64_t)p->length; at++) {
        const struct instruction *i = &p->code[at];
        bool fixed = i->op == OP_CHAR && !i->fold && i->x != NO_CHARACTER && at >= optional_until;
        if (i->op == OP_SPLIT || i->op == OP_JUMP) {
            int64_t x = at + (int32_t)i->x, y = i->op == OP_SPLIT ? at + (int32_t)i->y : x, far = x > y ? x : y;
            optional_until = far > optional_until ? far : optional_until;
        }
        length = fixed ? length + encode(i->x, run + length) : 0;
        if (length > p->literal_length && length <= sizeof p->literal)
            memcpy(p->literal, run, p->literal_length = length);
        if (length > sizeof p->literal - 4)
            length = 0;
    }
}

/* fold: capital and small letters are the same. literal: the text is meant as it stands. False with p->error. */
bool pattern_compile(struct pattern *p, const char *text, size_t length, bool fold, bool literal)
{
    *p = (struct pattern){0};
    if (!pattern_parse(p, text, length, fold, literal))
        return false;
    p->now = threads_new(p->length);
    p->next = threads_new(p->length);
    p->stack = malloc((2 * p->length + 2) * sizeof *p->stack);
    if (!p->stack || !p->now || !p->next || !p->now->pc || !p->now->start || !p->now->mark || !p->next->pc ||
        !p->next->start || !p->next->mark) {
        p->error = "out of memory";
        return false;
    }
    find_starts(p);
    find_literal(p);
    return true;
}

void pattern_free(struct pattern *p)
{
    for (size_t i = 0; i < p->class_count; i++)
        free(p->classes[i].ranges);
    free(p->classes);
    free(p->code);
    free(p->stack);
    threads_free(p->now);
    threads_free(p->next);
    *p = (struct pattern){0};
}
