/* SPDX-License-Identifier: Apache-2.0 */
/** Calls whose failures are told at once. */
#include "cli/call.h"

#include <pwd.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    STATUS_OK_END = 300,
    STATUS_NO_KEY = 401,
    STATUS_SERVER = 500
};

int call_tell_problem(const struct hyp *hyp, const struct api_answer *answer)
{
    const char *field = doc_str(answer->doc, "field", "");
    const char *detail = doc_str(answer->doc, "detail", "");

    if (answer->status == STATUS_NO_KEY) {
        hyp_say(hyp->api.key != NULL
                    ? "%s refuses the key of %s"
                    : "%s wants a key, and %s cannot be read: use --key-file",
                hyp->api.url, hyp->api.key_file);
    } else if (detail[0] == '\0') {
        hyp_say("%s answered with status %ld, not understood", hyp->api.url,
                answer->status);
    } else if (field[0] != '\0' && !str_starts(detail, field)) {
        hyp_say("%s: %s", field, detail);
    } else {
        hyp_say("%s", detail);
    }
    return answer->status >= STATUS_SERVER || answer->status == STATUS_NO_KEY
               ? HYP_UNREACHABLE
               : HYP_REFUSED;
}

static int call(struct hyp *hyp, const char *method, const char *path,
                const struct buf *body, struct api_answer *answer)
{
    const struct api_request request = {.method = method,
                                        .path = path,
                                        .body =
                                            body != NULL ? buf_str(body) : NULL,
                                        .len = body != NULL ? body->len : 0};
    struct errbuf why = {0};

    if (api_call(&hyp->api, &request, answer, &why) != ERR_OK) {
        hyp_say("cannot reach the API: %s\nIs the suite running? Try: "
                "hypcontrol status",
                why.text);
        api_answer_fini(answer);
        return HYP_UNREACHABLE;
    }
    return HYP_DONE;
}

int call_any(struct hyp *hyp, const char *path, const struct buf *body,
             struct api_answer *answer)
{
    return call(hyp, NULL, path, body, answer);
}

char *call_author(const struct hyp *hyp)
{
    const struct passwd *user = getpwuid(getuid());
    const char *given = hyp_option(hyp, "author");

    if (given != NULL) {
        return xstrdup(given);
    }
    return xstrdup(user != NULL ? user->pw_name : "hyp");
}

static int check(const struct hyp *hyp, struct api_answer *answer)
{
    int code;

    if (answer->status < STATUS_OK_END && answer->doc.len > 0) {
        return HYP_DONE;
    }
    code = call_tell_problem(hyp, answer);
    api_answer_fini(answer);
    return code;
}

int call_get(struct hyp *hyp, const char *path, struct api_answer *answer)
{
    int code = call_any(hyp, path, NULL, answer);

    return code == HYP_DONE ? check(hyp, answer) : code;
}

int call_method(struct hyp *hyp, const char *method, const char *path,
                const struct buf *body, struct api_answer *answer)
{
    int code = call(hyp, method, path, body, answer);

    return code == HYP_DONE ? check(hyp, answer) : code;
}

int call_post(struct hyp *hyp, const char *path, const struct buf *body,
              struct api_answer *answer)
{
    int code = call_any(hyp, path, body, answer);

    return code == HYP_DONE ? check(hyp, answer) : code;
}
