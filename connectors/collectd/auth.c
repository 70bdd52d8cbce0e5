/* SPDX-License-Identifier: Apache-2.0 */
/** Reading the file of users. */
#include "connectors/collectd/auth.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/map.h"
#include "common/base/mem.h"

enum {
    FILE_BYTES = 1024 * 1024,
    NS_A_S = 1000000000
};

struct auth {
    struct buf text; /* users and passwords lie in it */
    struct map users;
};

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

static bool take_line(struct auth *auth, char *line)
{
    char *user = trim(line);
    char *colon;
    char *password;

    if (*user == '\0' || *user == '#') {
        return true;
    }
    colon = strchr(user, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    user = trim(user);
    password = trim(colon + 1);
    if (*user == '\0' || *password == '\0') {
        return false;
    }
    (void)map_put(&auth->users, user, strlen(user), password);
    return true;
}

static enum err take_text(struct auth *auth, const char *path,
                          struct errbuf *why)
{
    char *line = auth->text.data;

    for (size_t number = 1; line != NULL; number++) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        if (!take_line(auth, line)) {
            errbuf_set_field(why, "auth_file",
                             "auth_file: %s:%zu: expected user: password", path,
                             number);
            return ERR_INVALID;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return ERR_OK;
}

static enum err read_text(const char *path, struct buf *text,
                          struct errbuf *why)
{
    struct errbuf inner = {0};
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0) {
        errbuf_set_field(why, "auth_file",
                         "auth_file: %.200s may be read by everybody on this "
                         "machine; \"chmod o= FILE\" helps",
                         path);
        return ERR_INVALID;
    }
    if (file_read(path, text, &inner) != ERR_OK) {
        errbuf_set_field(why, "auth_file", "auth_file: %s", inner.text);
        return ERR_INVALID;
    }
    buf_add_char(text, '\0');
    return ERR_OK;
}

enum err auth_read(const char *path, struct auth **out, struct errbuf *why)
{
    struct auth *auth = xcalloc(1, sizeof *auth);
    enum err err;

    buf_init(&auth->text, FILE_BYTES);
    err = read_text(path, &auth->text, why);
    if (err == ERR_OK) {
        err = take_text(auth, path, why);
    }
    if (err != ERR_OK) {
        auth_free(auth);
        return err;
    }
    *out = auth;
    return ERR_OK;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL) {
        return;
    }
    if (auth->text.len > 0) {
        explicit_bzero(auth->text.data, auth->text.len);
    }
    map_fini(&auth->users);
    buf_fini(&auth->text);
    free(auth);
}

const char *auth_password(const struct auth *auth, const char *user)
{
    return auth != NULL ? map_get(&auth->users, user, strlen(user)) : NULL;
}

int64_t auth_stamp(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0
               ? (int64_t)st.st_mtim.tv_sec * NS_A_S + st.st_mtim.tv_nsec
               : 0;
}
