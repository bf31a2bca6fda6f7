/* What LIST and SEARCH have in common: which part of the tree they look at. */
#include "files_find.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields 1 and 16 to 19 of a request. False: FAIL was sent. */
bool choice_read(struct files_connection *c, const struct frame *request, struct choice *choice)
{
    struct field glob;
    uint64_t limit = request_number(request, TAG_TIME_MS, 10000);
    *choice = (struct choice){
        .hidden = request_flag(request, TAG_HIDDEN),
        .ignore = request_flag(request, TAG_IGNORE),
        .until = now_us() + (int64_t)(limit < MAX_TIME_MS ? limit : MAX_TIME_MS) * 1000,
        .room = MAX_NAMES,
    };
    for (size_t i = 0; request_field_nth(request, TAG_GLOB, i, &glob); i++)
        if (!choice_glob(choice, glob.bytes, glob.length)) {
            struct buffer *b = answer_begin(c, FILES_FAIL);
            put_field_number(b, 1, EINVAL, 4);
            put_field(b, 2, "EGLOB", 5);
            put_field(b, 3, glob.bytes, glob.length < 200 ? glob.length : 200);
            answer_end(c);
            choice_free(choice);
            return false;
        }
    return true;
}

static size_t folder_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Opens what the request names: a folder, or the folder of a file. False: FAIL was sent. */
bool place_open(struct files_connection *c, const struct frame *request, struct place *place)
{
    char path[PATH_MAX];
    *place = (struct place){.folder = -1};
    if (!request_path(c, request, TAG_PATH, path))
        return false;
    if (!realpath(path, place->path) || stat(place->path, &place->st)) {
        send_fail(c, errno, path, NULL);
        return false;
    }
    size_t length = strlen(place->path);
    if (!S_ISDIR(place->st.st_mode)) {
        size_t at = folder_part(place->path);
        memmove(place->file, place->path + at, length - at + 1);
        place->path[at] = 0;
    } else if (place->path[length - 1] != '/' && length < MAX_PATH_BYTES) {
        memcpy(place->path + length, "/", 2);
    }
    place->folder = open(place->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (place->folder < 0)
        send_fail(c, errno, path, NULL);
    return place->folder >= 0;
}
