/* SPDX-License-Identifier: Apache-2.0 */
/** A queue of records on disk: appending, releasing, the folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/bus/spool_private.h"

enum {
    FOLDER_MODE = 0700,
    FILE_MODE = 0600,
    NAME_DIGITS = 16,
    MARK_BYTES = 12,
    /* A segment of which all is done is followed by another from this size
     * on, so that a spool that is kept empty stays small. */
    RENEW_BYTES = 256 * 1024,
    SEGMENTS_PER_SPOOL = 4 /* at least, so that room comes back in parts */
};

/* --- the folder -------------------------------------------------------------
 */

static char *path_of(const struct spool *spool, const char *name)
{
    return xasprintf("%s/%s", spool->folder, name);
}

int spool_segment_open(const struct spool *spool, uint64_t first, int flags)
{
    char *path =
        xasprintf("%s/%016llx.seg", spool->folder, (unsigned long long)first);
    int fd = open(path, flags | O_CLOEXEC, FILE_MODE);

    free(path);
    return fd;
}

static void segment_remove(const struct spool *spool, uint64_t first)
{
    char *path =
        xasprintf("%s/%016llx.seg", spool->folder, (unsigned long long)first);

    (void)unlink(path);
    free(path);
}

static bool name_parse(const char *name, uint64_t *first)
{
    uint64_t number = 0;

    if (strlen(name) != NAME_DIGITS + strlen(".seg") ||
        strcmp(name + NAME_DIGITS, ".seg") != 0) {
        return false;
    }
    for (size_t i = 0; i < NAME_DIGITS; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, name[i]);

        if (digit == NULL) {
            return false;
        }
        number = number << 4 | (uint64_t)(digit - digits);
    }
    *first = number;
    return number > 0;
}

static struct spool_segment *segment_add(struct spool *spool, uint64_t first,
                                         int64_t size)
{
    spool->segments =
        xrealloc_array(spool->segments, spool->n + 1, sizeof *spool->segments);
    spool->segments[spool->n] =
        (struct spool_segment){.first = first, .size = size};
    return &spool->segments[spool->n++];
}

static int compare_segments(const void *a, const void *b)
{
    const struct spool_segment *left = a;
    const struct spool_segment *right = b;

    return (left->first > right->first) - (left->first < right->first);
}

static enum err list_segments(struct spool *spool, struct errbuf *why)
{
    DIR *dir = opendir(spool->folder);
    const struct dirent *entry;
    uint64_t first;

    if (dir == NULL) {
        errbuf_set(why, "%s: cannot be listed: %s", spool->folder,
                   strerror(errno));
        return ERR_UNAVAILABLE;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;

        if (name_parse(entry->d_name, &first) &&
            fstatat(dirfd(dir), entry->d_name, &info, 0) == 0 &&
            S_ISREG(info.st_mode)) {
            (void)segment_add(spool, first, info.st_size);
            spool->bytes += info.st_size;
        }
    }
    (void)closedir(dir);
    if (spool->n > 1) {
        qsort(spool->segments, spool->n, sizeof *spool->segments,
              compare_segments);
    }
    return ERR_OK;
}

/* --- up to where all is done ------------------------------------------------
 */

static void mark_read(struct spool *spool)
{
    unsigned char mark[MARK_BYTES];
    uint32_t crc;

    if (pread(spool->mark_fd, mark, sizeof mark, 0) != (ssize_t)sizeof mark) {
        return;
    }
    memcpy(&crc, mark + sizeof(uint64_t), sizeof crc);
    if (crc == crc32c(0, mark, sizeof(uint64_t))) {
        memcpy(&spool->released, mark, sizeof spool->released);
    }
}

/* When it cannot be written, what is done may be read once more. */
static void mark_write(const struct spool *spool)
{
    unsigned char mark[MARK_BYTES];
    uint32_t crc;

    memcpy(mark, &spool->released, sizeof spool->released);
    crc = crc32c(0, mark, sizeof(uint64_t));
    memcpy(mark + sizeof(uint64_t), &crc, sizeof crc);
    if (pwrite(spool->mark_fd, mark, sizeof mark, 0) < 0) {
        return;
    }
}

/* --- opening ----------------------------------------------------------------
 */

static enum err open_fds(struct spool *spool, struct errbuf *why)
{
    char *lock = path_of(spool, "lock");
    char *mark = path_of(spool, "released");

    if (mkdir(spool->folder, FOLDER_MODE) != 0 && errno != EEXIST) {
        errbuf_set(why, "%s: cannot be made: %s", spool->folder,
                   strerror(errno));
    } else {
        spool->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        spool->mark_fd = open(mark, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        if (spool->lock_fd < 0 || spool->mark_fd < 0) {
            errbuf_set(why, "%s: cannot be written: %s", spool->folder,
                       strerror(errno));
        }
    }
    free(mark);
    free(lock);
    if (spool->lock_fd < 0 || spool->mark_fd < 0) {
        return ERR_UNAVAILABLE;
    }
    if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        errbuf_set(why, "%s: in use by another process", spool->folder);
        return ERR_CONFLICT;
    }
    return ERR_OK;
}

/* Look through all segments for the number to go on with. */
static void look_through(struct spool *spool)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < spool->n; i++) {
        uint64_t before = spool->segments[i].first - 1;

        newest = before > newest ? before : newest;
        spool_segment_scan(spool, i, &newest);
    }
    /* A mark that is ahead of its segments: they did not reach the disk. */
    newest = spool->released > newest ? spool->released : newest;
    spool->next = newest + 1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Segments of which all is done go, but for the last: it keeps the number. */
static void drop_done(struct spool *spool)
{
    size_t done = 0;

    while (done + 1 < spool->n &&
           spool->segments[done + 1].first <= spool->released + 1) {
        segment_remove(spool, spool->segments[done].first);
        spool->bytes -= spool->segments[done].size;
        done++;
    }
    if (done == 0) {
        return;
    }
    spool->n -= done;
    memmove(spool->segments, spool->segments + done,
            spool->n * sizeof *spool->segments);
    if (spool->read_at >= done) {
        spool->read_at -= done;
    } else {
        spool_read_from(spool, 0);
    }
}

enum err spool_open(const struct spool_conf *conf, struct spool **out,
                    struct errbuf *why)
{
    struct spool *spool = xcalloc(1, sizeof *spool);
    enum err err;

    spool->folder = xstrdup(conf->folder);
    spool->max_bytes = conf->max_bytes;
    spool->segment_bytes = conf->segment_bytes;
    if (spool->segment_bytes > conf->max_bytes / SEGMENTS_PER_SPOOL) {
        spool->segment_bytes = conf->max_bytes / SEGMENTS_PER_SPOOL;
    }
    spool->lock_fd = spool->mark_fd = spool->write_fd = spool->read_fd = -1;
    buf_init(&spool->scratch, SPOOL_RECORD_MAX);
    err = open_fds(spool, why);
    if (err == ERR_OK) {
        err = list_segments(spool, why);
    }
    if (err != ERR_OK) {
        spool_close(spool);
        return err;
    }
    mark_read(spool);
    look_through(spool);
    drop_done(spool);
    spool_read_from(spool, 0);
    spool->last_read = spool->released;
    *out = spool;
    return ERR_OK;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    close_fd(&spool->read_fd);
    close_fd(&spool->write_fd);
    close_fd(&spool->mark_fd);
    close_fd(&spool->lock_fd);
    buf_fini(&spool->scratch);
    free(spool->segments);
    free(spool->folder);
    free(spool);
}

/* --- appending --------------------------------------------------------------
 */

static void refuse(struct errbuf *why, const struct spool *spool)
{
    errbuf_set(why, "%s: cannot be written: %s", spool->folder,
               errno != 0 ? strerror(errno) : "no space left on device");
}

/* The number of the last segment can be that of the next record only when it
 * holds no record; then it is begun anew. */
static void forget_empty(struct spool *spool)
{
    if (spool->n > 0 && spool->segments[spool->n - 1].first == spool->next) {
        spool->bytes -= spool->segments[--spool->n].size;
        if (spool->read_at == spool->n) {
            spool_read_from(spool, spool->n);
        }
    }
}

static enum err begin_segment(struct spool *spool, struct errbuf *why)
{
    close_fd(&spool->write_fd);
    forget_empty(spool);
    errno = 0;
    spool->write_fd =
        spool_segment_open(spool, spool->next, O_WRONLY | O_CREAT | O_TRUNC);
    if (spool->write_fd < 0 ||
        pwrite(spool->write_fd, SPOOL_SEGMENT_MAGIC, SPOOL_HEADER_BYTES, 0) !=
            SPOOL_HEADER_BYTES) {
        refuse(why, spool);
        if (spool->write_fd >= 0) {
            close_fd(&spool->write_fd);
            segment_remove(spool, spool->next);
        }
        return ERR_UNAVAILABLE;
    }
    spool->folder_dirty = true;
    (void)segment_add(spool, spool->next, SPOOL_HEADER_BYTES);
    spool->bytes += SPOOL_HEADER_BYTES;
    drop_done(spool);
    return ERR_OK;
}

static bool needs_segment(const struct spool *spool)
{
    const struct spool_segment *last;

    if (spool->write_fd < 0) {
        return true;
    }
    last = &spool->segments[spool->n - 1];
    return last->size >= spool->segment_bytes ||
           (spool->released + 1 == spool->next && last->size >= RENEW_BYTES);
}

static enum err write_record(struct spool *spool, const void *data, size_t len,
                             struct errbuf *why)
{
    struct spool_segment *last = &spool->segments[spool->n - 1];
    unsigned char header[SPOOL_RECORD_HEADER_BYTES];
    union {
        const void *in;
        void *out;
    } cast = {data};
    const struct iovec parts[2] = {{header, sizeof header}, {cast.out, len}};
    ssize_t whole = (ssize_t)(sizeof header + len);

    spool_record_header(spool->next, data, len, header);
    errno = 0;
    if (pwritev(spool->write_fd, parts, 2, last->size) != whole) {
        refuse(why, spool);
        /* Where even that fails, what is half written is passed over. */
        if (ftruncate(spool->write_fd, last->size) != 0) {
            close_fd(&spool->write_fd);
        }
        return ERR_UNAVAILABLE;
    }
    last->size += whole;
    last->dirty = true;
    spool->bytes += whole;
    return ERR_OK;
}

enum err spool_append(struct spool *spool, const void *data, size_t len,
                      uint64_t *number, struct errbuf *why)
{
    int64_t takes =
        SPOOL_RECORD_HEADER_BYTES + SPOOL_HEADER_BYTES + (int64_t)len;

    if (len > SPOOL_RECORD_MAX) {
        errbuf_set(why, "a record of %zu bytes; expected at most %d", len,
                   SPOOL_RECORD_MAX);
        return ERR_LIMIT;
    }
    if (spool->bytes + takes > spool->max_bytes) {
        errbuf_set(why, "%s: full: %lld of %lld bytes are used", spool->folder,
                   (long long)spool->bytes, (long long)spool->max_bytes);
        return ERR_LIMIT;
    }
    if ((needs_segment(spool) && begin_segment(spool, why) != ERR_OK) ||
        write_record(spool, data, len, why) != ERR_OK) {
        return ERR_UNAVAILABLE;
    }
    *number = spool->next++;
    return ERR_OK;
}

/* --- releasing, syncing, telling --------------------------------------------
 */

void spool_release(struct spool *spool, uint64_t number)
{
    BUG_IF(number > spool->last_read);
    if (number <= spool->released) {
        return;
    }
    spool->released = number;
    mark_write(spool);
    drop_done(spool);
}

static bool sync_segment(const struct spool *spool, uint64_t first)
{
    int fd = spool_segment_open(spool, first, O_WRONLY);
    bool good = fd >= 0 && fdatasync(fd) == 0;
    int saved = errno;

    close_fd(&fd);
    errno = saved;
    return good;
}

static bool sync_folder(struct spool *spool)
{
    int fd = open(spool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int saved = errno;

    close_fd(&fd);
    errno = saved;
    spool->folder_dirty = spool->folder_dirty && !good;
    return good;
}

enum err spool_sync(struct spool *spool, struct errbuf *why)
{
    for (size_t i = 0; i < spool->n; i++) {
        struct spool_segment *segment = &spool->segments[i];

        if (segment->dirty && !sync_segment(spool, segment->first)) {
            refuse(why, spool);
            return ERR_UNAVAILABLE;
        }
        segment->dirty = false;
    }
    if (spool->folder_dirty && !sync_folder(spool)) {
        refuse(why, spool);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

void spool_get_state(const struct spool *spool, struct spool_state *state)
{
    *state = (struct spool_state){
        .first = spool->released + 1,
        .next = spool->next,
        .records = spool->next - 1 - spool->released,
        .bytes = spool->bytes,
        .damaged_bytes = spool->damaged_bytes,
        .lost = spool->lost,
    };
}
