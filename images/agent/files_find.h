/* LIST and SEARCH: requests of the worker for files. */
#ifndef FILES_FIND_H
#define FILES_FIND_H

#include "files_requests.h"
#include "find.h"

enum {
    TAG_HIDDEN = 16, TAG_IGNORE, TAG_GLOB, TAG_TIME_MS, TAG_LIMIT,
    MAX_NAMES = 200000,        /* kept of one folder in a search */
    MAX_TIME_MS = 120000,
};

/* Why not all is there: DONE's second field. */
enum cut { CUT_NOT, CUT_LIMIT, CUT_TIME, CUT_SIZE };

/* Where a request looks: a folder and its absolute path with a slash, and one file of it if that is all. */
struct place {
    int folder;
    struct stat st;
    char path[PATH_MAX + 1], file[NAME_MAX + 1];
};

/* ---- files_choice.c */
bool choice_read(struct files_connection *c, const struct frame *request, struct choice *choice);
bool place_open(struct files_connection *c, const struct frame *request, struct place *place);

/* ---- search.c: one file */
struct search {
    struct files_connection *c;
    struct choice choice;
    struct pattern pattern;
    uint32_t before, after, most_a_file;
    uint64_t left;             /* matching lines that may still be sent */
    uint32_t searched, matched, binary, unreadable;
    enum cut cut;
};
/* Sends what matches in one file; false ends the search. name: as it is told. */
bool search_file(struct search *search, int fd, const char *name);

/* ---- files_ripgrep.c */
/* The path of the sandbox's own ripgrep; false where it has none. */
bool ripgrep_path(char path[PATH_MAX]);
void ripgrep_run(struct files_connection *c, const struct frame *request, const struct place *place, const char *program);

/* ---- files_search.c */
enum search_tag {
    TAG_PATTERN = 21, TAG_LITERAL, TAG_CASE, TAG_BEFORE, TAG_AFTER, TAG_MOST_A_FILE, TAG_BUILT_IN,
};
enum letter_case { CASE_SENSITIVE, CASE_INSENSITIVE, CASE_SMART };

#endif
