/* SPDX-License-Identifier: Apache-2.0 */
/** The REST API as hyp sees it: where it is, the key, calls and answers. */
#ifndef HYP_CLI_API_H
#define HYP_CLI_API_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

struct api {
    char *url; /**< "http://127.0.0.1:8082" */
    char *key; /**< NULL: none was found */
    char *key_file;
    void *curl;
};

struct api_answer {
    long status; /**< of HTTP */
    struct buf text;
    struct doc_out *docs;
    struct doc doc; /**< the body; empty when it is no JSON object */
};

/** Where to look; any member may be NULL. */
struct api_place {
    const char *server, *key_file, *config_dir;
};

/** Find the server and the key: as told, else from webserver.conf and the
 *  files it names. ERR_INVALID: the configuration cannot be understood. */
MUST_CHECK enum err api_open(struct api *api, const struct api_place *place,
                             struct errbuf *why);
void api_close(struct api *api);
struct api_request {
    const char *method; /**< NULL: GET, or POST when there is a body */
    const char *path;
    const char *body; /**< NULL: none */
    size_t len;
};

/** Call and read the whole answer, which is given with any result and
 *  released with api_answer_fini. ERR_UNAVAILABLE: there was none. */
MUST_CHECK enum err api_call(struct api *api, const struct api_request *request,
                             struct api_answer *answer, struct errbuf *why);
void api_answer_fini(struct api_answer *answer);
/** Append "?name=value" or "&name=value", escaped; nothing when value is
 *  NULL. */
void api_add_param(struct buf *path, const char *name, const char *value);

#endif
