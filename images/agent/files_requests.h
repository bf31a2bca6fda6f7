/* Who answers what: one handler a request, in the file named. Each ends with exactly one DONE or FAIL. */
#ifndef FILES_REQUESTS_H
#define FILES_REQUESTS_H

#include "files.h"

typedef void files_handler(struct files_connection *c, const struct frame *request);

files_handler files_stat;          /* files_stat.c */
files_handler files_read;          /* files_read.c */
files_handler files_read_lines;    /* files_lines.c */
files_handler files_write;         /* files_write.c */
files_handler files_delete;        /* files_delete.c */
files_handler files_move;          /* files_move.c */
files_handler files_folder;        /* files_entries.c */
files_handler files_link;          /* files_entries.c */
files_handler files_mkdir;         /* files_folders.c */
files_handler files_list;          /* files_list.c */
files_handler files_search;        /* files_search.c */

/* files_read.c: INFO about an open file, with its first bytes. */
void put_file_info(struct files_connection *c, int fd, const struct stat *st);

/* files_delete.c: a tree goes, and how much of it went. */
struct removal {
    struct files_connection *c;
    dev_t device;
    uint64_t count;
    int error;                 /* the first failure, and its path */
    char where[PATH_MAX];
};
bool remove_tree(struct removal *r, const char *path);

/* files_move.c: a name in the same folder that nobody has. */
bool name_beside(const char *to, char beside[PATH_MAX]);

/* files_copy.c: 0 or an errno. */
int copy_tree(struct removal *r, const char *from, const char *to);

#endif
