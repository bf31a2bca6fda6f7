/* Making folders. */
#include "files_requests.h"
#include <string.h>

enum { TAG_MODE = 16, TAG_PARENTS };

/* Each folder on the way, from the top down. */
bool make_parents(char *path)
{
    for (char *slash = path + 1; *path && (slash = strchr(slash, '/')); slash++) {
        struct stat st;
        *slash = 0;
        int error = mkdir(path, 0777) && stat(path, &st) ? errno : 0;
        *slash = '/';
        if (error) {
            errno = error;
            return false;
        }
    }
    return true;
}

void files_mkdir(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX];
    struct stat st;
    if (!request_path(c, request, TAG_PATH, path))
        return;
    bool parents = request_flag(request, TAG_PARENTS);
    if (parents && !make_parents(path)) {
        send_fail(c, errno, path, NULL);
        return;
    }
    bool made = !mkdir(path, (mode_t)request_number(request, TAG_MODE, 0777) & 07777);
    int error = errno;
    bool is_there = !made && parents && error == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode);
    if (!made && !is_there) {
        send_fail(c, error, path, NULL);
        return;
    }
    put_field_number(answer_begin(c, FILES_DONE), 1, made, 1);
    answer_end(c);
}
