/* What .gitignore and .ignore files say about a path. ignore_parse and ignore_decide are pure. */
#include "find.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RULES_FILE = 1 << 20, MAX_RULES = 20000 };

static size_t without_trailing_spaces(const char *line, size_t length)
{
    while (length && line[length - 1] == ' ') {
        size_t slashes = 0;
        while (slashes < length - 1 && line[length - 2 - slashes] == '\\')
            slashes++;
        if (slashes % 2)
            break;
        length--;
    }
    return length;
}

/* One line as a rule; false for what is none. The line is changed and must outlive the rule. */
bool ignore_rule(char *line, size_t length, struct rule *rule)
{
    *rule = (struct rule){0};
    if (length && line[length - 1] == '\r')
        length--;
    if (length == 0 || line[0] == '#')
        return false;
    length = without_trailing_spaces(line, length);
    if (length && line[0] == '!') {
        rule->negated = true;
        line++, length--;
    }
    if (length && line[length - 1] == '/') {
        rule->only_folders = true;
        length--;
    }
    if (length == 0 || length > MAX_GLOB)
        return false;
    line[length] = 0;
    rule->is_path = strchr(line, '/') != NULL;
    rule->text = line + (line[0] == '/');
    if (!strpbrk(rule->text, "*?[\\"))
        rule->shape = RULE_LITERAL;
    else if (rule->text[0] == '*' && !rule->is_path && !strpbrk(rule->text + 1, "*?[\\"))
        rule->shape = RULE_SUFFIX;
    return rule->text[0] != 0;
}

/* Rules from a file's text, which is changed and has to stay, with room for one more byte behind it. */
void ignore_parse(char *text, size_t length, struct rules *rules)
{
    char *end = text + length;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    while (text < end && rules->count < MAX_RULES) {
        char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        if (rules->count == rules->room) {
            size_t room = rules->room ? rules->room * 2 : 16;
            struct rule *list = realloc(rules->list, room * sizeof *list);
            if (!list)
                return;
            rules->list = list;
            rules->room = room;
        }
        if (!memchr(text, 0, (size_t)(stop - text)) &&
            ignore_rule(text, (size_t)(stop - text), &rules->list[rules->count]))
            rules->count++;
        text = stop + 1;
    }
}

static bool rule_matches(const struct rule *rule, const char *path, const char *name, bool is_folder)
{
    if (rule->only_folders && !is_folder)
        return false;
    const char *subject = rule->is_path ? path : name;
    if (rule->shape == RULE_LITERAL)
        return strcmp(rule->text, subject) == 0;
    if (rule->shape == RULE_GLOB)
        return glob_match(rule->text, subject);
    size_t length = strlen(subject), suffix = strlen(rule->text + 1);
    return length >= suffix && memcmp(subject + length - suffix, rule->text + 1, suffix) == 0;
}

/* What rules say about a path below their folder: the last that matches decides. */
enum verdict ignore_decide(const struct rules *rules, const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (size_t i = rules->count; i-- > 0;)
        if (rule_matches(&rules->list[i], path, name, is_folder))
            return rules->list[i].negated ? VERDICT_KEEP : VERDICT_IGNORE;
    return VERDICT_NONE;
}

/* Whether a path is ignored by the folders above it: .ignore before .gitignore, inner folders before outer ones, and of
 * .gitignore files only those of the same repository. */
bool ignored(const struct ignore *inner, const char *path, bool is_folder)
{
    for (const struct ignore *at = inner; at; at = at->parent) {
        enum verdict verdict = ignore_decide(&at->own, path + at->base, is_folder);
        if (verdict != VERDICT_NONE)
            return verdict == VERDICT_IGNORE;
    }
    for (const struct ignore *at = inner; at; at = at->parent) {
        enum verdict verdict = ignore_decide(&at->git, path + at->base, is_folder);
        if (verdict != VERDICT_NONE)
            return verdict == VERDICT_IGNORE;
        if (at->is_repository)
            return false;
    }
    return false;
}

static void read_rules(int folder, const char *name, struct rules *rules)
{
    int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (rules->text = malloc(MAX_RULES_FILE + 1))) {
        size_t length = 0;
        ssize_t got;
        while (length < MAX_RULES_FILE && (got = read(fd, rules->text + length, MAX_RULES_FILE - length)) > 0)
            length += (size_t)got;
        char *fitting = realloc(rules->text, length + 1);
        if (fitting)
            rules->text = fitting;
        ignore_parse(rules->text, length, rules);
    }
    close(fd);
}

void rules_free(struct rules *rules)
{
    free(rules->list);
    free(rules->text);
    *rules = (struct rules){0};
}

/* The rules of a folder, below those of the folders above it; `parent` itself where it has none of its own.
 * base: length of the folder's absolute path and its slash. */
struct ignore *ignore_enter(struct ignore *parent, int folder, size_t base, struct ignore **newest)
{
    struct ignore here = {.parent = parent, .base = base, .older = *newest}, *kept = NULL;
    struct stat st;
    here.is_repository = fstatat(folder, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
    read_rules(folder, ".gitignore", &here.git);
    read_rules(folder, ".ignore", &here.own);
    if (here.is_repository || here.git.count || here.own.count)
        kept = malloc(sizeof *kept);
    if (!kept) {
        rules_free(&here.git);
        rules_free(&here.own);
        return parent;
    }
    *kept = here;
    return *newest = kept;
}

/* Frees what was entered after `until`. */
void ignore_leave(struct ignore **newest, struct ignore *until)
{
    while (*newest != until) {
        struct ignore *gone = *newest;
        *newest = gone->older;
        rules_free(&gone->git);
        rules_free(&gone->own);
        free(gone);
    }
}

/* The rules of all folders above one that is given by its absolute path, which ends with a slash. */
struct ignore *ignore_above(const char *path, struct ignore **newest)
{
    char folder[MAX_PATH_BYTES + 2];
    struct ignore *inner = NULL;
    size_t length = strlen(path);
    for (size_t i = 0; length <= MAX_PATH_BYTES && i + 1 < length; i++) {
        if (path[i] != '/')
            continue;
        memcpy(folder, path, i + 1);
        folder[i + 1] = 0;
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        inner = ignore_enter(inner, fd, i + 1, newest);
        close(fd);
    }
    return inner;
}
