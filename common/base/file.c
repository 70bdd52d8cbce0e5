/* SPDX-License-Identifier: Apache-2.0 */
/** Whole small files: read within a limit, replaced in one step. */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

enum {
    FILE_READ_STEP = 8192
};

static enum err read_all(int fd, const char *path, struct buf *out,
                         struct errbuf *why)
{
    char part[FILE_READ_STEP];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            errbuf_set(why, "%s: cannot be read: %s", path, strerror(errno));
            return ERR_UNAVAILABLE;
        }
        buf_add(out, part, (size_t)n);
        if (out->overflow) {
            errbuf_set(why, "%s: larger than %zu bytes", path, out->max);
            return ERR_LIMIT;
        }
    }
    return ERR_OK;
}

enum err file_read(const char *path, struct buf *out, struct errbuf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    enum err err;

    if (fd < 0) {
        errbuf_set(why, "%s: cannot be opened: %s", path, strerror(errno));
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                                                   : ERR_UNAVAILABLE;
    }
    err = read_all(fd, path, out, why);
    (void)close(fd);
    return err;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* What a file is to become. */
struct content {
    const void *data;
    size_t len;
    mode_t mode;
    bool sync;
};

/* Fill the temporary file; closes fd whatever happens. */
static bool fill(int fd, const struct content *content)
{
    bool good = fchmod(fd, content->mode) == 0 &&
                write_all(fd, content->data, content->len) &&
                (!content->sync || fsync(fd) == 0);
    int saved = errno;

    if (close(fd) != 0 && good) {
        return false;
    }
    errno = saved;
    return good;
}

/* The new name is on disk when its folder is. */
static bool sync_folder(const char *path)
{
    const char *end = strrchr(path, '/');
    char *folder = end != NULL ? xasprintf("%.*s/", (int)(end - path), path)
                               : xstrdup(".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int saved = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    free(folder);
    errno = saved;
    return good;
}

static enum err replace(const char *path, const struct content *content,
                        struct errbuf *why)
{
    char *temp = xasprintf("%s.XXXXXX", path);
    int fd = mkostemp(temp, O_CLOEXEC);
    enum err err = ERR_OK;

    if (fd < 0 || !fill(fd, content) || rename(temp, path) != 0 ||
        (content->sync && !sync_folder(path))) {
        errbuf_set(why, "%s: cannot be written: %s", path, strerror(errno));
        err = ERR_UNAVAILABLE;
    }
    if (err != ERR_OK && fd >= 0) {
        (void)unlink(temp);
    }
    free(temp);
    return err;
}

enum err file_replace(const char *path, const void *data, size_t len,
                      mode_t mode, struct errbuf *why)
{
    const struct content content = {data, len, mode, false};

    return replace(path, &content, why);
}

enum err file_replace_synced(const char *path, const void *data, size_t len,
                             mode_t mode, struct errbuf *why)
{
    const struct content content = {data, len, mode, true};

    return replace(path, &content, why);
}
