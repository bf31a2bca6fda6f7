/* The parser of patterns: what pattern.c and pattern_atom.c share. */
#ifndef PATTERN_PARSE_H
#define PATTERN_PARSE_H

#include "find.h"

enum { END = -1 };

struct parser {
    struct pattern *p;
    const unsigned char *text, *at, *end;
    bool fold;
    int nesting;
};

/* Note the first error; always false. wrong: here, but perhaps not for ripgrep. invalid: for both. */
bool wrong(struct parser *s, const unsigned char *at, const char *why);
bool invalid(struct parser *s, const unsigned char *at, const char *why);
int peek(const struct parser *s);
bool emit(struct parser *s, struct instruction one);
bool escape(struct parser *s);
bool bracket(struct parser *s);

#endif
