/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Runs a fuzz target once on each file of its corpus, so that what fuzzing
 * found stays found. Arguments: files instead of the corpus.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mem.h"
#include "tests/fuzz/fuzz.h"

enum {
    FILE_BYTES_MAX = 16 * 1024 * 1024,
    CHUNK = 65536
};

/* The bytes are copied so that a sanitizer sees a read past their end. */
static void run_bytes(const struct buf *buf)
{
    uint8_t *copy = buf->len > 0 ? xmemdup(buf->data, buf->len) : xmalloc(1);

    (void)LLVMFuzzerTestOneInput(copy, buf->len);
    free(copy);
}

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct buf buf;
    size_t n;

    if (file == NULL) {
        perror(path);
        return false;
    }
    buf_init(&buf, FILE_BYTES_MAX);
    do {
        char *at = buf_extend(&buf, CHUNK);

        BUG_IF(at == NULL);
        n = fread(at, 1, CHUNK, file);
        buf_truncate(&buf, buf.len - CHUNK + n);
    } while (n > 0);
    (void)fclose(file);
    (void)printf("%s\n", path);
    (void)fflush(stdout); /* names the file if the target ends the process */
    run_bytes(&buf);
    buf_fini(&buf);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t run_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort);
    size_t n_run = 0;

    if (n < 0) {
        perror(path);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        char *file = xasprintf("%s/%s", path, entries[i]->d_name);

        n_run += run_file(file) ? 1 : 0;
        free(file);
        free(entries[i]);
    }
    free(entries);
    return n_run;
}

/* "…/fuzz_doc" runs tests/fuzz/corpus/doc of the source tree, which the
 * build system names. */
static size_t run_corpus(const char *program)
{
    const char *top = getenv("srcdir");
    const char *base = strrchr(program, '/');
    const char *name;
    char *path;
    size_t n_run;

    base = base != NULL ? base + 1 : program;
    name = strchr(base, '_');
    path = xasprintf("%s/tests/fuzz/corpus/%s", top != NULL ? top : ".",
                     name != NULL ? name + 1 : base);
    n_run = run_folder(path);
    free(path);
    return n_run;
}

int main(int argc, char **argv)
{
    size_t n_run = 0;

    if (argc < 2) {
        n_run = run_corpus(argv[0]);
    }
    for (int i = 1; i < argc; i++) {
        n_run += run_file(argv[i]) ? 1 : 0;
    }
    (void)printf("%zu inputs\n", n_run);
    return n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
