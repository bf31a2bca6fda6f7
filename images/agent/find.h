/* Finding files: globs, ignore rules, folders in order, patterns. Included beside agent.h or files.h. */
#ifndef FIND_H
#define FIND_H

#include "agent.h"
#include <limits.h>

enum { MAX_GLOB = 1024, MAX_PATH_BYTES = PATH_MAX - 1 };

/* ---- glob.c */

bool glob_match(const char *pattern, const char *path);
bool glob_expand(const char *pattern, bool (*take)(const char *, void *), void *context);

/* ---- ignore.c */

enum rule_shape { RULE_GLOB, RULE_LITERAL, RULE_SUFFIX };
struct rule {
    const char *text;
    enum rule_shape shape;
    bool negated, only_folders, is_path;
};
struct rules {
    char *text;                /* owns what the rules name; NULL where somebody else does */
    struct rule *list;
    size_t count, room;
};
enum verdict { VERDICT_NONE, VERDICT_KEEP, VERDICT_IGNORE };

/* A folder's rules, below those of the folders above it. */
struct ignore {
    struct ignore *parent, *older;
    struct rules git, own;
    size_t base;               /* length of the folder's absolute path with its slash */
    bool is_repository;
};

bool ignore_rule(char *line, size_t length, struct rule *rule);
void ignore_parse(char *text, size_t length, struct rules *rules);
enum verdict ignore_decide(const struct rules *rules, const char *path, bool is_folder);
void rules_free(struct rules *rules);
bool ignored(const struct ignore *inner, const char *path, bool is_folder);
struct ignore *ignore_enter(struct ignore *parent, int folder, size_t base, struct ignore **newest);
struct ignore *ignore_above(const char *path, struct ignore **newest);
void ignore_leave(struct ignore **newest, struct ignore *until);

/* ---- walk.c */

/* What of a tree is wanted; the same for listing and searching. */
struct choice {
    bool hidden, ignore;
    struct rules globs;        /* as ripgrep's --glob: plain ones choose files, negated ones leave out */
    bool has_wanted;           /* one of the globs is plain */
    int64_t until;             /* on now_us's clock */
    size_t room;               /* names kept of one folder, the first ones */
};

struct name {
    unsigned char type;        /* DT_DIR and so on, never DT_UNKNOWN */
    bool wanted;               /* false: a folder that is only gone through */
    char text[];
};
struct names {
    struct name **list;
    size_t count, room, seen;  /* seen: all that were chosen; more than count where there was no room */
    bool timed_out;
    bool too_long;             /* entries whose path does not fit are left out */
};

bool choice_glob(struct choice *choice, const unsigned char *bytes, size_t length);
void choice_free(struct choice *choice);
/* Reads a folder that is open; its absolute path ends with a slash, and the glob's subject begins at `root`. */
bool names_read(struct names *names, int folder, const struct choice *choice, const struct ignore *rules, char *path,
                size_t root);
void names_free(struct names *names);
int open_folder(int at, const char *name);

/* What walk visits: a regular file by its folder and name. False ends the walk. */
struct walk {
    const struct choice *choice;
    bool (*file)(struct walk *walk, int folder, const char *name);
    bool (*troubled)(struct walk *walk, int error); /* a folder that cannot be read */
    struct ignore *rules;      /* the newest */
    char path[MAX_PATH_BYTES + 1];
    size_t root;               /* where in path the part below the walk's own folder begins */
    bool timed_out, cut;       /* cut: a folder had too many entries, or paths were too long or too deep */
};
bool walk_tree(struct walk *walk, int folder);

/* ---- pattern.c, pattern_atom.c, pattern_class.c, pattern_run.c: regular expressions in linear time */

#define NO_CHARACTER UINT32_MAX
enum { MAX_PROGRAM = 20000, MAX_PATTERN = 4096 };
enum op { OP_CHAR, OP_CLASS, OP_ANY, OP_ASSERT, OP_SPLIT, OP_JUMP, OP_MATCH };
enum assertion { AT_LINE_START, AT_LINE_END, AT_WORD, AT_NOT_WORD };
struct instruction {
    uint8_t op;
    bool fold;
    uint32_t x, y;             /* OP_CHAR: x the character; OP_CLASS: x its index; OP_SPLIT: x before y; OP_JUMP: x */
};
struct range {
    uint32_t low, high;
};
struct class {
    struct range *ranges;
    size_t count, room;
    bool negated, fold;
    uint32_t ascii[4];         /* the answer for each of the first 128 characters */
};
struct pattern {
    struct instruction *code;
    size_t length;
    struct class *classes;
    size_t class_count;
    uint32_t starts[8];        /* bytes that a match may begin with */
    bool starts_known;
    unsigned char literal[256];
    size_t literal_length;     /* bytes that every match holds */
    struct threads *now, *next;
    uint32_t *stack;
    /* Where and why the pattern is wrong. */
    size_t error_at;
    const char *error;
    bool is_invalid;           /* for ripgrep too; else it may know what is not known here */
};

bool pattern_parse(struct pattern *p, const char *text, size_t length, bool fold, bool literal);
bool pattern_compile(struct pattern *p, const char *text, size_t length, bool fold, bool literal);
void pattern_free(struct pattern *p);
/* The first match in a line from `from` on; the line has no newline. */
bool pattern_find(struct pattern *p, const unsigned char *line, size_t length, size_t from, size_t *start, size_t *end);
uint32_t decode_utf8(const unsigned char *at, const unsigned char *end, size_t *length);
bool is_word(uint32_t c);
uint32_t other_case(uint32_t c);
bool class_add(struct class *class, uint32_t low, uint32_t high);
bool class_add_named(struct class *class, char letter);
void class_close(struct class *class);
bool class_holds(const struct class *class, uint32_t c);

#endif
