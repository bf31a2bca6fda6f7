/* Globs as git and ripgrep understand them: pure functions over strings. */
#include "find.h"
#include <ctype.h>
#include <string.h>

/* `**` between slashes or at either end of a pattern. */
static bool is_deep(const char *pattern, const char *at)
{
    return at[0] == '*' && at[1] == '*' && (at == pattern || at[-1] == '/') && (at[2] == '/' || at[2] == 0);
}

static bool in_named_class(const char *name, size_t length, unsigned char c)
{
    static const struct {
        const char *name;
        int (*holds)(int);
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl}, {"digit", isdigit},
        {"graph", isgraph}, {"lower", islower}, {"print", isprint}, {"punct", ispunct}, {"space", isspace},
        {"upper", isupper}, {"xdigit", isxdigit},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strlen(classes[i].name) == length && memcmp(classes[i].name, name, length) == 0)
            return classes[i].holds(c) != 0;
    return false;
}

/* Takes one member of a class, or nothing at the class's end: a `]` that is not its first member. */
static bool member(const char **at, unsigned char c, bool *found)
{
    const char *p = *at, *end;
    if (p[0] == '[' && p[1] == ':' && (end = strstr(p + 2, ":]"))) {
        *found |= in_named_class(p + 2, (size_t)(end - p - 2), c);
        *at = end + 2;
        return true;
    }
    if (*p == '\\' && p[1])
        p++;
    if (!*p)
        return false;
    unsigned char low = (unsigned char)*p++, high = low;
    if (p[0] == '-' && p[1] && p[1] != ']') {
        p += p[1] == '\\' && p[2] ? 2 : 1;
        high = (unsigned char)*p++;
    }
    *found |= c >= low && c <= high;
    *at = p;
    return true;
}

/* Whether a class, `at` behind its `[`, holds c. Sets `at` behind its `]`, or to NULL where it has none. */
static bool in_class(const char **at, unsigned char c)
{
    const char *p = *at;
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    for (bool first = true; first || *p != ']'; first = false)
        if (!member(&p, c, &found)) {
            *at = NULL;
            return false;
        }
    *at = p + 1;
    return found != negated;
}

static size_t character_length(const char *s)
{
    size_t length = 1;
    while (((unsigned char)s[length] & 0xC0) == 0x80)
        length++;
    return length;
}

/* Matches one character against one item of the pattern; both move on. */
static bool match_one(const char **pattern, const char **s)
{
    const char *p = *pattern;
    switch (*p) {
    case 0:
        return false;
    case '?':
        if (**s == '/')
            return false;
        *s += character_length(*s);
        *pattern = p + 1;
        return true;
    case '[':
        p++;
        if (**s == '/' || !in_class(&p, (unsigned char)**s))
            return false;
        break;
    case '\\':
        if (*++p != **s || !*p)
            return false;
        p++;
        break;
    default:
        if (*p++ != **s)
            return false;
    }
    *pattern = p;
    ++*s;
    return true;
}

/* Whether a path matches a pattern: `*`, `?` and classes stay within a name, `**` between slashes does not. Only the last
 * `*` and the last `**` are ever tried again, so the time is polynomial. */
bool glob_match(const char *pattern, const char *s)
{
    const char *p = pattern, *star = NULL, *star_at = NULL, *deep = NULL, *deep_at = NULL;
    for (;;) {
        if (is_deep(pattern, p)) {
            if (!p[2])
                return *s != 0;
            deep = p += 3;
            deep_at = s;
            star = NULL;
        } else if (*p == '*') {
            while (*p == '*')
                p++;
            star = p;
            star_at = s;
        } else if (*s && match_one(&p, &s)) {
            continue;
        } else if (!*s && !*p) {
            return true;
        } else if (star && *star_at && *star_at != '/') {
            s = ++star_at;
            p = star;
        } else if (deep && (deep_at = strchr(deep_at, '/'))) {
            s = ++deep_at;
            p = deep;
            star = NULL;
        } else {
            return false;
        }
    }
}

/* The `{`, its `}` and the commas between of the first group; false where there is none or it is not closed. */
static bool first_braces(const char *p, const char **open, const char **close)
{
    int depth = 0;
    *open = NULL;
    for (; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
        } else if (*p == '{') {
            if (depth++ == 0)
                *open = p;
        } else if (*p == '}' && depth && --depth == 0) {
            *close = p;
            return true;
        }
    }
    return false;
}

static const char *alternative_end(const char *p, const char *close)
{
    int depth = 0;
    for (; p < close; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '{')
            depth++;
        else if (*p == '}')
            depth--;
        else if (*p == ',' && depth == 0)
            return p;
    }
    return close;
}

/* Calls take for each pattern that `{a,b}` stands for, nested ones too; false when take says so or it is too much. */
bool glob_expand(const char *pattern, bool (*take)(const char *, void *), void *context)
{
    const char *open, *close;
    if (!first_braces(pattern, &open, &close))
        return take(pattern, context);
    for (const char *at = open + 1, *end;; at = end + 1) {
        char one[MAX_GLOB + 1];
        end = alternative_end(at, close);
        size_t head = (size_t)(open - pattern), middle = (size_t)(end - at), tail = strlen(close + 1);
        if (head + middle + tail > MAX_GLOB)
            return false;
        memcpy(one, pattern, head);
        memcpy(one + head, at, middle);
        memcpy(one + head + middle, close + 1, tail + 1);
        if (!glob_expand(one, take, context))
            return false;
        if (end >= close)
            return true;
    }
}
