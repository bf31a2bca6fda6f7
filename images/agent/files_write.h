/* One write from its beginning to its end: files_write.c speaks with the client, files_place.c with the kernel. */
#ifndef FILES_WRITE_H
#define FILES_WRITE_H

#include "files.h"

enum how { REPLACE, APPEND, CREATE, IN_PLACE };
enum { NO_MODE = -1, EXPECTED_SIZE = 32 };

struct writing {
    char path[PATH_MAX];           /* where it goes, links followed */
    char name[PATH_MAX];           /* of the file beside it; empty when appending */
    const char *base;              /* path's last part */
    int folder, fd;
    enum how how;
    int64_t mode;
    bool exists;
    struct stat old;
    off_t start;
    uint64_t written;
    const unsigned char *expected; /* what must still be there: inode, size, mtime, ctime */
    unsigned char expected_bytes[EXPECTED_SIZE];
    int error;                     /* the first thing that went wrong */
    const char *message;
};

/* All are false where it failed; the first failure is kept. */
bool write_failed(struct writing *w, int error, const char *message);
bool write_begin(struct writing *w, bool parents);
bool write_put(struct writing *w, const unsigned char *bytes, size_t length);
bool write_finish(struct writing *w);
/* What did not come to its end leaves nothing. */
void write_clean_up(struct writing *w, bool done);

#endif
